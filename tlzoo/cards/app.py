"""The card of an app: what it is for, what it needs, and what it must not be taken for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Takes = Literal["bundle", "url", "run", "folder", "data"]


class AppCard(BaseModel):
    """An app, described.

    Attributes:
        name: What users type, snake case.
        title: What people read on top of the page.
        summary: One sentence: what it does.
        takes: What it can be started on; empty for an app that needs nothing.
        needs_one: Whether it cannot start without one of these.
        several_runs: Whether `--run` may be given more than once.
        beside: Which of these may be named beside another of them.
        options: Options of the command line that mean something to it.
        modality: What it is for: `image`, `text` or `any`.
        data: What its examples are and where they come from.
        licence: Of the examples.
        limits: What it must not be taken for, a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    summary: str
    takes: tuple[Takes, ...] = ()
    needs_one: bool = False
    several_runs: bool = False
    beside: tuple[Takes, ...] = ()
    options: tuple[Literal["backbone", "text_column", "tensorboard"], ...] = ()
    modality: Literal["image", "text", "any"] = "any"
    data: str
    licence: str
    limits: tuple[str, ...] = Field(min_length=1)
