"""Limits: the thresholds of checks, in one place, for a dataset folder to change."""

from __future__ import annotations

import dataclasses
import math

from seg_datasets.core.classes import DeclarationError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a check speaks up. `docs/checks.md` tells how often each default is wrong.

    Infinity is a limit that nothing meets: its check says no more.

    Attributes:
      share_off: a split is remarked on when its share is off by more than this, and by more than
        half of itself.

      few: sets of fewer samples are too small for what only a set can tell.
      size_off: an image is remarked on whose longer side is so many times that of the middle one,
        or a part as small.
      geo_off: pixels by which image and mask may lie apart on the ground.
      inverted_far: an inverted mask has less of the usual class than the middle one by so many
        times the usual spread.
      class_share: a class with less of all labelled pixels is hardly ever there.
      empty_share: so many masks of nothing but the most frequent class are remarked on.
      full_share: masks of nothing but another class are remarked on where they are no more.
      blank_range: an image whose 16×16 means of grey differ by no more is nearly constant.
      specks: a mask with more specks is remarked on, where it has ten times what others have.
      void_share: a mask with more void is remarked on.
      shift_gain: how much better a mask has to lie on its image's edges when it is moved, where
        three quarters of the masks gain less than a fifth of that; more where they gain more.
      shift_least: pixels by which it has to be moved for that.
      shift_loose: in a set where the middle mask gains more, masks do not follow edges, and one
        that does not tells nothing.
      shift_alike: share of the masks that lie better in one and the same way.
      one_class: a class with more of all labelled pixels outweighs the others.
      copied_off: mean difference of grey, of 255, between the thumbnails of two images that have
        one and the same mask, and are not the same scene.
      near_duplicate: unlikeness (1 less the correlation of the detail of two thumbnails) up to
        which two pictures show nearly the same; less where all pictures of a set look alike.
      mix_off: difference of a class's share of the pixels between a split and the rest that is
        remarked on, where one is twice the other and it is beyond chance.
      alike: a split is remarked on whose pictures are usually less unlike than this, and those of
        other splits twice as unlike them.
    """

    share_off: float = 0.03
    few: int = 20
    # Geometry
    size_off: float = 4.0
    geo_off: float = 0.5
    # Values
    inverted_far: float = 4.0
    # Content
    class_share: float = 0.0001
    empty_share: float = 0.5
    full_share: float = 0.05
    blank_range: int = 6
    specks: int = 50
    void_share: float = 0.5
    shift_gain: float = 0.2
    shift_least: int = 4
    shift_loose: float = 0.08
    shift_alike: float = 0.5
    one_class: float = 0.99
    copied_off: float = 10.0
    # Leakage
    near_duplicate: float = 0.02
    mix_off: float = 0.05
    alike: float = 0.1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least, most = _RANGES.get(field.name, (0, math.inf))
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not least <= value <= most:  # NaN lies nowhere
                raise DeclarationError(
                    f"Limits({field.name}={value!r}): write a number from {least} to {most}"
                )


# Of limits that are not any number from 0 on.
_RANGES = {"few": (1, math.inf), "size_off": (1, math.inf), "near_duplicate": (0, 1)}
