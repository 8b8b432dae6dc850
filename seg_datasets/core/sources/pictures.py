"""Pictures: the image files of a raw folder, by the names that annotations have for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seg_datasets.core.sample import plain, same


class Pictures:
    """The image files of a raw folder, found by what annotations call them.

    Attributes:
      paths: all of them.
    """

    def __init__(self, paths: Sequence[str], below: str, ids: Mapping[str, str] | None = None):
        self._ids = ids or {}
        prefix = f"{below.strip('/')}/" if below else ""
        self.paths = [path for path in paths if plain(path).startswith(plain(prefix))]
        self._prefix = plain(prefix)
        places = {same(path).rpartition("/")[0] for path in self.paths}
        self._places = places | {place.removeprefix(same(prefix)) for place in places}
        self._by_path: dict[str, list[str]] = {}
        for path in self.paths:
            parts = same(path).split("/")
            # A tool may name a file by the end of its path only.
            for start in range(len(parts)):
                self._by_path.setdefault("/".join(parts[start:]), []).append(path)

    def find(self, name: str, *, beside: str) -> str | None:
        """The image with this name: whole path, path below the images or the annotation, or end of
        a path if only one ends so; None if there is none. Never a file outside."""
        parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
        if not parts or ".." in parts[1:]:
            parts = [p for p in parts if p != ".."][-1:]
        parts = [p for p in parts if p != ".."]
        if not parts:
            return None
        tail = same("/".join(parts))
        where = same(beside.rpartition("/")[0])
        for whole in (f"{same(self._prefix)}{tail}", f"{where}/{tail}" if where else tail, tail):
            exact = [path for path in self._by_path.get(whole, ()) if same(path) == whole]
            if len(exact) == 1:
                return exact[0]
        for start in range(len(parts)):  # an absolute path of another machine: by its end
            if start and same("/".join(parts[start - 1 : -1])) in self._places:
                return None  # that folder is here, and such an image is not in it
            found = self._by_path.get(same("/".join(parts[start:])), ())
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None

    def is_loose(self, name: str, image: str) -> bool:
        """Whether an image was found although it lies in another folder than its name tells."""
        parts = [p for p in same(name).replace("\\", "/").split("/") if p not in ("", ".", "..")]
        return len(parts) > 1 and not f"/{same(image)}".endswith("/" + "/".join(parts))

    def id_of(self, path: str) -> str:
        """The image's path below the image folder, without extension."""
        return self._ids.get(path) or plain(path)[len(self._prefix) :].rpartition(".")[0]
