"""Photos are refined in the background, one after the other, while their visitors look at them."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.explorer.photos import Photo, Photos, photo_id
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion
from latentclr.invert.artefact import Photo as Source
from latentclr.invert.invert import Method, Settings, invert
from latentclr.invert.pivotal import Tuning, tune
from latentclr.invert.shipped import find_encoder
from latentclr.scorers.lpips import LPIPS, SMALLEST, load_lpips
from latentclr.web import UNEXPECTED

LOGGER = logging.getLogger("latentclr.explorer")
WAITING, REFINING, TUNING = "waiting", "refining", "tuning"


@dataclass(frozen=True)
class Wish:
    """What shall become of a photo after its preview.

    Attributes:
        method: by which it is inverted; "encoder": the preview is all.
        tune: then change the generator a little, until the photo comes out as it is.
    """

    method: Method = "optimise"
    tune: bool = False


def preview(generator: Generator, picture: Float[Tensor, "3 h w"], source: Source) -> Inversion:
    """A photo as the generator's encoder sees it, at once; without an encoder, the sample that is nearest.

    Args:
        generator: in its own space.
        picture: of its size, in [-1, 1].
        source: where it came from.
    """
    encoder = find_encoder(generator)
    settings = (
        Settings(method="optimise", steps=1, starts=1, finish=0, lpips_weight=0.0)
        if encoder is None
        else Settings(method="encoder", lpips_weight=0.0)
    )
    return invert(generator, picture.unsqueeze(0), settings, photos=[source], encoder=encoder)


class Refiner:
    """Refines photos in a thread of its own. One at a time: two would take twice as long each."""

    def __init__(self, photos: Photos, *, log: Callable[[str], None] = lambda _: None) -> None:
        """Begin nothing yet.

        Args:
            photos: those that are refined.
            log: told in a sentence when something is fetched.
        """
        self._photos, self._log = photos, log
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="refining")
        self._orders: dict[str, int] = {}
        self._number = 0
        self._lock = threading.Lock()

    def begin(
        self, generator: Generator, name: str, picture: Float[Tensor, "3 h w"], source: Source, wish: Wish
    ) -> Photo:
        """Show a photo by its preview, and refine it from now on; what was under way for it ends.

        Args:
            generator: in its own space.
            name: of the generator, on the shelf.
            picture: of its size, in [-1, 1].
            source: where it came from.
            wish: what shall become of it.

        Raises:
            InputError: the generator draws no such pictures.
        """
        found = preview(generator, picture, source)
        photo = Photo(photo_id(found, generator.fingerprint()), name, found, picture)
        wanted = wish.method != "encoder" or wish.tune
        with self._lock:  # what was under way can write nothing about it any more
            self._number += 1
            order = self._orders[photo.id] = self._number
            photo = self._photos.put(replace(photo, doing=WAITING if wanted else ""))
        if wanted:
            self._worker.submit(self._refine, generator, photo, wish, order)
        return photo

    def stop(self, photo: str) -> None:
        """Refine a photo no further; the best so far stays."""
        with self._lock:
            self._orders.pop(photo, None)

    def close(self) -> None:
        """Refine nothing any more: the thread ends after the step that it is at."""
        with self._lock:
            self._orders.clear()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _refine(self, generator: Generator, photo: Photo, wish: Wish, order: int) -> None:
        """Search the latents of a photo, and tune the generator where that is wished."""
        note = ""

        def stop() -> bool:
            with self._lock:
                wanted = self._orders.get(photo.id) == order
            return not wanted or not self._photos.watched(photo.id)

        def change(**what: Any) -> None:
            with self._lock:
                if self._orders.get(photo.id, order) == order:  # else it was opened again since
                    self._photos.change(photo.id, **what)

        try:
            if not stop():
                metric, note = self._metric(generator)
                found = self._search(generator, photo, wish, metric, stop, change)
                if wish.tune and not stop():
                    self._tune(generator, photo, found, metric, stop, change)
        except InputError as error:
            note = str(error)
        except Exception:
            LOGGER.exception("unexpected error")
            note = UNEXPECTED
        change(doing="", done=0.0, note=note)

    def _metric(self, generator: Generator) -> tuple[LPIPS | None, str]:
        """LPIPS, and what to say where it cannot be had."""
        if generator.resolution < SMALLEST:
            return None, ""
        try:
            return load_lpips(device=generator.device, log=self._log), ""
        except InputError as error:
            return None, f"only pixels were compared: {error}"

    def _search(
        self,
        generator: Generator,
        photo: Photo,
        wish: Wish,
        metric: LPIPS | None,
        stop: Callable[[], bool],
        change: Callable[..., None],
    ) -> Inversion:
        """The latents that the method finds."""
        assert photo.picture is not None
        settings = Settings(method=wish.method, lpips_weight=1.0 if metric is not None else 0.0)
        best = photo.inversion
        change(doing=REFINING, done=0.0)

        def show(step: int, latents: Tensor, labels: tuple[int | None, ...]) -> None:
            nonlocal best
            best = replace(best, latents=latents.detach().cpu(), labels=labels)
            change(inversion=best, done=step / settings.steps)

        def log(_: int, values: Mapping[str, float]) -> None:
            nonlocal best
            if "psnr" in values:
                best = replace(
                    best,
                    psnr=best.psnr.new_tensor([values["psnr"]]),
                    lpips=best.lpips.new_tensor([values["lpips"] if metric is not None else float("nan")]),
                )
                change(inversion=best)

        found = invert(
            generator,
            photo.picture.unsqueeze(0),
            settings,
            photos=photo.inversion.photos,
            metric=metric,
            log=log,
            stop=stop,
            show=show,
        )
        change(inversion=found, done=1.0)
        return found

    def _tune(
        self,
        generator: Generator,
        photo: Photo,
        found: Inversion,
        metric: LPIPS | None,
        stop: Callable[[], bool],
        change: Callable[..., None],
    ) -> None:
        """The generator, changed until the photo comes out as it is."""
        assert photo.picture is not None
        settings = Tuning()
        change(doing=TUNING, done=0.0)

        def log(step: int, _: Mapping[str, float]) -> None:
            change(done=step / settings.steps)

        picture = photo.picture.unsqueeze(0)
        tuning = tune(generator, found, picture, settings, metric=metric, log=log, stop=stop)
        figures = tuning.origin["figures"]
        change(tuning=tuning, inversion=_as_tuned(found, figures))


def _as_tuned(found: Inversion, figures: Mapping[str, float]) -> Inversion:
    """The same latents, with how near the tuned generator's picture is."""
    psnr, lpips = (found.psnr.new_tensor([figures[name]]) for name in ("psnr", "lpips"))
    return replace(found, psnr=psnr, lpips=found.lpips if bool(found.lpips.isnan().all()) else lpips)
