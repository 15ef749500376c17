"""Asks a model server, TensorFlow Serving or tlzoo's own, by HTTP or gRPC, without TensorFlow.

Names are resolved when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.client.async_client import AsyncClient
    from tlzoo.client.metadata import Metadata
    from tlzoo.client.sync_client import Client
    from tlzoo.client.transport import Scored
    from tlzoo.predictions import Prediction
    from tlzoo.protocol.signature import Signature, TensorInfo
    from tlzoo.protocol.status import VersionStatus

_HOMES = {
    "AsyncClient": "tlzoo.client.async_client",
    "Client": "tlzoo.client.sync_client",
    "Metadata": "tlzoo.client.metadata",
    "Prediction": "tlzoo.predictions",
    "Scored": "tlzoo.client.transport",
    "Signature": "tlzoo.protocol.signature",
    "TensorInfo": "tlzoo.protocol.signature",
    "VersionStatus": "tlzoo.protocol.status",
}

__all__ = [
    "AsyncClient",
    "Client",
    "Metadata",
    "Prediction",
    "Scored",
    "Signature",
    "TensorInfo",
    "VersionStatus",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tlzoo.client' has no attribute '{name}'; it has: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
