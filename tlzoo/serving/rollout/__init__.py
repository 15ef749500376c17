"""`tlzoo deploy`: puts versions of models into service and takes them out again, beside running servers."""
