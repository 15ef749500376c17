"""Apps for people who write no code: one folder a use case, on top of the front door and the client only."""
