"""The sliders that say how a picture is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from .plane import FINE, Plane
from .view import View

STEPS = 500
"""Steps of a slider from one end to the other, of pictures in fractions."""


@dataclass(frozen=True)
class Controls:
    """The components.

    Attributes:
        frame: Which frame, from 1.
        level: The value in the middle.
        width: How many values lie between black and white.
        inverted: Whether low values are white.
        forget: The button that forgets the picture.
    """

    frame: gr.Slider
    level: gr.Slider
    width: gr.Slider
    inverted: gr.Checkbox
    forget: gr.Button

    def all(self) -> list[Any]:
        """Returns those that say how a picture is looked at: frame, level, width, inverted."""
        return [self.frame, self.level, self.width, self.inverted]

    def of(self, view: View) -> list[Any]:
        """Returns what becomes of `all` where a picture is new."""
        frames = view.study.frames
        frame = gr.update(value=1, maximum=max(frames, 2), interactive=frames > 1, visible=frames > 1)
        return [frame, *_window(view.plane), gr.update(value=view.plane.inverted, interactive=True)]

    def reset(self) -> list[Any]:
        """Returns what becomes of `all` where there is no picture."""
        off = gr.update(interactive=False)
        return [gr.update(visible=False), off, off, gr.update(value=False, interactive=False)]


def controls() -> Controls:
    """Makes the components, for no picture yet."""
    frame = gr.Slider(1, 2, 1, step=1, label="Frame", visible=False, elem_id="tl-frame")
    with gr.Row():
        level = gr.Slider(0, 256, 128, label="Level", interactive=False, elem_id="tl-level")
        width = gr.Slider(1, 256, 256, label="Window", interactive=False, elem_id="tl-width")
    with gr.Row():
        inverted = gr.Checkbox(label="Invert: low values white", interactive=False, elem_id="tl-invert")
        forget = gr.Button("Forget this picture", size="sm", elem_id="tl-forget")
    return Controls(frame, level, width, inverted, forget)


def _window(plane: Plane) -> list[Any]:
    low, high = plane.bounds()
    step = 1.0 if high - low >= FINE else (high - low) / STEPS
    usable = not plane.colour
    level = gr.update(minimum=low, maximum=high, value=plane.window.level, step=step, interactive=usable)
    width = gr.update(
        minimum=step, maximum=high - low + step, value=plane.window.width, step=step, interactive=usable
    )
    return [level, width]
