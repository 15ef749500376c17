"""The bundle's description: what `bundle.json` says, how it is found, and how it is trusted.

A bundle is a TensorFlow Serving model folder. Everything here is light: no TensorFlow, so servers, clients and
tools can ask what a bundle is in milliseconds.

    DIR/<version>/saved_model.pb
    DIR/<version>/variables/
    DIR/<version>/assets.extra/{bundle.json, labels.txt, tf_serving_warmup_requests}
"""

from __future__ import annotations

from tlzoo.bundle.facts import (
    FORMAT_VERSION,
    BundleFacts,
    ConformalFacts,
    LiteRTFacts,
    NetworkFacts,
    OodFacts,
    ParityFacts,
    SignatureFacts,
    TensorFacts,
)
from tlzoo.bundle.files import (
    EXTRA,
    FACTS_FILE,
    LABELS_FILE,
    NETWORK_FILE,
    WARMUP_FILE,
    write_facts,
    write_labels,
)
from tlzoo.bundle.integrity import checksums, sha256, sha256_of, verify_checksums
from tlzoo.bundle.reading import read_bundle
from tlzoo.bundle.versions import ROLLED_BACK, next_version, rolled_back, versions

__all__ = [
    "EXTRA",
    "FACTS_FILE",
    "FORMAT_VERSION",
    "LABELS_FILE",
    "NETWORK_FILE",
    "ROLLED_BACK",
    "WARMUP_FILE",
    "BundleFacts",
    "ConformalFacts",
    "LiteRTFacts",
    "NetworkFacts",
    "OodFacts",
    "ParityFacts",
    "SignatureFacts",
    "TensorFacts",
    "checksums",
    "next_version",
    "read_bundle",
    "rolled_back",
    "sha256",
    "sha256_of",
    "verify_checksums",
    "versions",
    "write_facts",
    "write_labels",
]
