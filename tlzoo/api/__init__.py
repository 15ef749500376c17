"""The Python front door: the same words as the command line."""

from __future__ import annotations

from tlzoo.api.data import clean, load, read_table, search_index, shift, unpack
from tlzoo.api.evidence import compare, explain_words, open_run, overview, suggest, trust, verdict
from tlzoo.api.serving import deploy, load_bundle, samples
from tlzoo.api.training import adapt, plan, resume, train, tune
from tlzoo.api.zoo import at_hand, catalogue, load_backbone, rank

__all__ = [
    "adapt",
    "at_hand",
    "catalogue",
    "clean",
    "compare",
    "deploy",
    "explain_words",
    "load",
    "load_backbone",
    "load_bundle",
    "open_run",
    "overview",
    "plan",
    "rank",
    "read_table",
    "resume",
    "samples",
    "search_index",
    "shift",
    "suggest",
    "train",
    "trust",
    "tune",
    "unpack",
    "verdict",
]
