"""The page: gradio's controls around the stage. What they do is in `wiring`."""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from latentclr.explorer.address import start
from latentclr.explorer.panel import Values, panel
from latentclr.explorer.recipe import MOST_STEPS
from latentclr.explorer.refining import Refiner
from latentclr.explorer.sessions import Sessions
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.stage import stage
from latentclr.explorer.view import MODES, PAGE, STRONGEST, View
from latentclr.explorer.wiring import LONGEST_NAME, wire
from latentclr.web import offline

if TYPE_CHECKING:
    import gradio


def build(shelf: Shelf, sessions: Sessions, refiner: Refiner) -> "gradio.Blocks":
    """The page of a shelf, already showing what it opens with.

    Args:
        shelf: what the page may open.
        sessions: its visitors.
        refiner: of their photos.

    Raises:
        InputError: there is no generator to open with, or it cannot draw.
    """
    offline()
    return _Page(shelf).build(sessions, refiner)


def text(name: str) -> str:
    """A file of the page."""
    return files("latentclr.explorer").joinpath("static", name).read_text(encoding="utf-8")


class _Page:
    """Collects the controls by name while it lays them out."""

    def __init__(self, shelf: Shelf) -> None:
        import gradio

        self._gr: Any = gradio
        self._shelf = shelf
        self._view = start(shelf)
        self._values: Values = panel(shelf, self._view)
        self._parts: dict[str, Any] = {}

    def build(self, sessions: Sessions, refiner: Refiner) -> "gradio.Blocks":
        gr = self._gr
        with gr.Blocks(title="latentclr explorer", analytics_enabled=False, fill_width=True) as blocks:
            with gr.Row(elem_id="top"):
                self._fixed("title", "<h1>latentclr <small>explorer</small></h1>")
                self._add(gr.Dropdown, "generator", label="Generator", filterable=False)
                self._add(gr.Dropdown, "label", label="Class")
                self._add(gr.CheckboxGroup, "runs", label="Runs beside each other")
                self._fixed("share", text("share.html"))
            with gr.Row(elem_id="main", equal_height=False):
                with gr.Column(elem_id="left", scale=6, min_width=320):
                    self._left(self._view)
                with gr.Column(elem_id="right", scale=5, min_width=320):
                    self._right()
            self._fixed("help-holder", text("help.html"))
            wire(blocks, self._parts, self._shelf, sessions, refiner)
        page: gradio.Blocks = blocks
        return page

    def _add(self, kind: Any, name: str, **options: Any) -> Any:
        """A control that shows what the panel says of it."""
        self._parts[name] = kind(**{**options, **self._values.get(name, {}), "elem_id": name})
        return self._parts[name]

    def _button(self, name: str, value: str = "", **options: Any) -> None:
        self._add(self._gr.Button, name, value=value, size="sm", min_width=0, **options)

    def _html(self, name: str, **options: Any) -> None:
        self._add(self._gr.HTML, name, padding=False, apply_default_css=False, **options)

    def _fixed(self, name: str, html: str) -> None:
        self._gr.HTML(html, elem_id=name, padding=False, apply_default_css=False)

    def _left(self, view: View) -> None:
        gr = self._gr
        self._add(gr.Radio, "mode", choices=[(mode.capitalize(), mode) for mode in MODES], label="View")
        self._html("stage", value=stage(self._shelf, view), js_on_load=text("stage.js"))
        self._html("message", value="")
        with gr.Tabs(elem_id="source"):
            with gr.Tab("Generated", elem_id="generated"), gr.Row(elem_id="seeds"):
                self._add(gr.Textbox, "seed", label="Seed", max_lines=1, max_length=400)
                self._button("before", "◂ Previous")
                self._button("after", "Next ▸")
                self._button("random", "Random")
            with gr.Tab("Your photo", elem_id="photograph"):
                self._add(gr.Dropdown, "album", label="Inverted before", filterable=False)
                self._fixed("photo", text("photo.html"))
        with gr.Row(elem_id="drawn"):
            self._add(
                gr.Slider, "truncation", minimum=0.05, maximum=1, step=0.05, label="Truncation", buttons=[]
            )
            self._add(
                gr.Slider,
                "steps",
                minimum=1,
                maximum=MOST_STEPS,
                step=1,
                label="Steps",
                buttons=[],
            )
            self._add(
                gr.Slider, "strength", minimum=0.1, maximum=STRONGEST, step=0.1, label="Strength", buttons=[]
            )
        self._fixed("tools", text("tools.html"))
        # Pressed by the page itself.
        self._button("sharpen", "Draw finely", visible="hidden")
        self._button("refresh", "Show what was found", visible="hidden")
        self._button("stop", "Stop refining", visible="hidden")

    def _right(self) -> None:
        gr = self._gr
        with gr.Row(elem_id="bar"):
            self._add(gr.Radio, "run", label="Directions of")
            self._button("undo", "Undo")
            self._button("redo", "Redo")
            self._button("reset", "Reset all")
            self._button("propose", "Propose names")
        with gr.Column(elem_id="sliders"):
            for i in range(PAGE):
                self._slider(i)
        with gr.Row(elem_id="pager"):
            self._button("earlier", "◂")
            self._html("count")
            self._button("later", "▸")
            self._add(gr.Checkbox, "hidden", label="Show hidden ones", container=False)
        self._add(gr.Textbox, "rows", visible="hidden", label="rows")
        with self._add(gr.Column, "direction"):
            self._html("chosen")
            self._html("about")
            with gr.Row(elem_id="naming"):
                self._add(gr.Textbox, "name", label="Name", max_lines=1, max_length=LONGEST_NAME)
                self._button("rename", "Rename")
                self._button("star")
                self._button("hide")
            with gr.Row(elem_id="slotting"):
                self._add(gr.Radio, "preset", label="Slots that it moves")
                self._add(gr.Textbox, "slots", label="Slots by number", max_lines=1, max_length=400)

    def _slider(self, i: int) -> None:
        with self._add(self._gr.Row, f"row-{i}", elem_classes="row"):
            self._add(self._gr.Slider, f"slider-{i}", elem_classes="direction", label="none", buttons=[])
            self._button(f"reset-{i}", "↺", elem_classes="mini")
            self._button(f"pick-{i}", "…", elem_classes="mini")
