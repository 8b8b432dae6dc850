"""GeoTIFF: scenes cut into tiles, with label rasters or with footprints burned in."""

from __future__ import annotations

import builtins
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from seg_datasets.core import drawing, views
from seg_datasets.core.classes import VOID, ClassTable, DeclarationError, RawTable, Values, few
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Remark
from seg_datasets.core.sample import Sample, plain
from seg_datasets.core.sources import footprints, grid, image_mask_folders
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.footprints import Footprints
from seg_datasets.core.sources.grid import Spans
from seg_datasets.core.sources.image_mask_folders import (
    GroupRule,
    ImageMaskFolders,
    group_files,
    with_groups,
)
from seg_datasets.core.views import rasters
from seg_datasets.core.views import tiles as tiles_of
from seg_datasets.core.views.rasters import Raster

# Tiles of one scene: a stranger's file of a few bytes can claim any size.
_MOST_TILES = 200_000

# What programs leave beside a GeoTIFF that says nothing of its pixels.
_BESIDE = ("*.aux.xml", "*.ovr")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeoTiff:
    """Scenes and their labels, cut into tiles `scene/r0000_c0512`, named by their upper left pixel.

    Attributes:
      images: folder of the scenes below the raw folder, see `ImageMaskFolders`.
      masks: folder of the label rasters, in the same way.
      footprints: instead of label rasters a GeoJSON or GeoPackage of polygons below the raw folder;
        with `{stem}` one for each scene.
      tile: side of the tiles in pixels.
      overlap: pixels that neighbouring tiles share.
      partial: what becomes of the rest of a scene that is no whole tile. "shift": the last tile is
        moved back to end at the border. "pad": it goes on beyond, 0 in the image and void in the
        mask. "drop": it is left out, and reported.
      bands: numbers of the bands that become the image, from 1; None for all.
      values: raw value of label rasters → class name or "void", or None for ids.
      labels: label of footprints → class name or "void".
      property: the property (GeoPackage: column) that holds the label of a footprint. Without it
        all are labelled "footprint", and are the other one of two classes.
      layer: of a GeoPackage that has several.
      ground: the class of pixels without footprint, or "void"; the first class if not given.
      nodata: whether what a label raster marks as no data is void; False where it marks a class.
      georeferenced: whether scenes tell where they lie; False takes those that do not.
      image_name, mask_name, ignore: see `ImageMaskFolders`.
      group: see `ImageMaskFolders.group`, for ids of scenes. Tiles of one scene stay together.
    """

    images: str = "images"
    masks: str = "labels"
    footprints: str = ""
    tile: int = 512
    overlap: int = 0
    partial: str = "shift"
    bands: Sequence[int] | None = None
    values: Values | None = None
    labels: Mapping[str, str] | None = None
    property: str = ""
    layer: str = ""
    ground: str = ""
    nodata: bool = True
    georeferenced: bool = True
    image_name: str = "{stem}"
    mask_name: str = "{stem}"
    group: GroupRule | None = None
    ignore: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not (isinstance(self.tile, int) and 0 < self.tile <= 1 << 14):
            raise DeclarationError(f"tile={self.tile!r}: the side of a tile is 1 to 16384 pixels")
        if not (isinstance(self.overlap, int) and 0 <= self.overlap < self.tile):
            raise DeclarationError(
                f"overlap={self.overlap!r}: tiles of {self.tile} pixels share 0 to {self.tile - 1}"
            )
        if self.partial not in ("shift", "pad", "drop"):
            raise DeclarationError(f"partial={self.partial!r}: write 'shift', 'pad' or 'drop'")
        bands = self.bands
        if bands is not None and (
            isinstance(bands, (str, int)) or not bands or not all(_is_band(b) for b in bands)
        ):
            raise DeclarationError(f"bands={bands!r}: write numbers from 1, (1, 2, 3), or None")
        if self.footprints and (self.values is not None or self.masks != GeoTiff.masks):
            raise DeclarationError(
                "footprints have `labels`, label rasters have `masks` and `values`: state one kind"
            )
        if not self.footprints and (self.labels is not None or self.property or self.layer):
            raise DeclarationError("`labels`, `property` and `layer` are of `footprints`")
        if self.footprints and not self.georeferenced:
            raise DeclarationError("footprints lie on the ground, so their scenes have to as well")
        if self.footprints.startswith("/") or ".." in self.footprints.split("/"):
            raise DeclarationError(f"footprints={self.footprints!r} leaves the raw folder")
        _ = self._files  # refuses bad folders and names

    @builtins.property
    def masks_follow_exif(self) -> bool | None:
        """GDAL does not turn rasters."""
        return True

    def table(self, classes: ClassTable) -> RawTable:
        """From raw values of label rasters, or labels of footprints, to class ids."""
        if not self.footprints:
            return classes.raw_table(self.values)
        labels = self.labels
        if labels is None and not self.property:
            ground = self.ground or classes.names[0]
            others = [name for name in classes.names if name != ground]
            if len(others) != 1:
                raise DeclarationError(
                    f"footprints become one class, and {few(classes.names)} leave open which; "
                    f"state labels={{{footprints.LABEL!r}: …}}, or the `property` that tells"
                )
            labels = {footprints.LABEL: others[0]}
        return classes.label_table(labels, ground=self.ground)

    def scan(self, folder: Folder) -> Scan:
        """Reads the headers of all scenes, and all footprints."""
        found = self._files.scan(folder)
        scenes = list(found.samples)
        if self.footprints:
            scenes = [self._lone(path) for path in found.images_without_mask]
            found = dataclasses.replace(found, images_without_mask=())
        foreign = [s.image for s in scenes if not _is_geotiff(s.image)]
        scenes = [s for s in scenes if _is_geotiff(s.image)]
        scenes, ungrouped = with_groups(scenes, self.group, folder)
        problems: list[str] = []
        tiles: list[Sample] = []
        remarks: list[Remark] = []
        ground = _Ground(self, folder)
        for scene in scenes:
            try:
                with rasters.opened(folder, scene.image) as raster:
                    if self.georeferenced:
                        grid.refuse_lost(raster)
                    rows, columns = (
                        grid.spans(n, tile=self.tile, overlap=self.overlap, partial=self.partial)
                        for n in (raster.height, raster.width)
                    )
                    if len(rows) * len(columns) > _MOST_TILES:
                        raise AnnotationError(
                            f"{scene.image} claims {raster.width}×{raster.height} pixels, "
                            f"{len(rows) * len(columns):,} tiles: at most {_MOST_TILES:,} are cut"
                        )
                    remarks += grid.lost(raster, rows, columns)
                    if self.footprints:
                        tiles += ground.tiles(scene, raster, rows, columns)
                        continue
                    with rasters.opened(folder, scene.mask) as labels:
                        grid.refuse_apart(raster, labels, georeferenced=self.georeferenced)
                        if self.nodata:
                            grid.refuse_two_meanings(labels, self.values)
                        tiles_of.refuse_labels(labels)
                tiles += (
                    self._tile(scene, (left, top, width, height))
                    for top, height in rows
                    for left, width in columns
                )
            except (OSError, ValueError) as error:
                problems.append(str(error))
        rasters.close()
        if self.footprints and scenes and not problems and not ground.met:
            problems.append(
                f"no polygon of {self.footprints} lies on any scene: is it of another place, or in "
                "another coordinate system than it says?"
            )
        if problems:
            raise AnnotationError("\n".join(_few_lines(problems)))
        return dataclasses.replace(
            found,
            samples=tuple(tiles),
            foreign=(*found.foreign, *foreign),
            ungrouped=tuple(ungrouped),
            labels=ground.labels,
            remarks=(*remarks, *ground.remarks),
            others=(*ground.files, *group_files(self.group)),
        )

    @builtins.property
    def _files(self) -> ImageMaskFolders:
        """Which files are scenes and which labels."""
        beside = (*_BESIDE, *((self.footprints,) if self.footprints else ()))
        return ImageMaskFolders(
            images=self.images,
            # Nothing is called so: then every scene is one without labels.
            masks="\0" if self.footprints else self.masks,
            image_name=self.image_name,
            mask_name=self.mask_name,
            ignore=self.ignore if isinstance(self.ignore, str) else (*self.ignore, *beside),
        )

    def _lone(self, path: str) -> Sample:
        name = image_mask_folders.id_of(path, self.images, self.image_name)
        return Sample(id=name, image=path, mask="", folder=name.rpartition("/")[0].split("/")[0])

    def _tile(
        self,
        scene: Sample,
        window: tuple[int, int, int, int],
        shapes: Sequence[Shape] | None = None,
        file: str = "",
    ) -> Sample:
        left, top, width, height = window
        bands = None if self.bands is None else list(self.bands)
        view = views.describe(
            "tile", file=scene.image, window=window, bands=bands, placed=self.georeferenced
        )
        tile = dataclasses.replace(
            scene,
            id=f"{scene.id}/r{top:04d}_c{left:04d}",
            image=f"{scene.image}#{top},{left}",
            view=view,
        )
        if shapes is not None:
            drawn = drawing.dump(shapes, (width, height))
            return dataclasses.replace(tile, mask=file, drawing=drawn, parts=(scene.image,))
        raw = _channels(self.values)
        return dataclasses.replace(
            tile,
            mask=f"{scene.mask}#{top},{left}",
            mask_view=views.describe(
                "tile",
                file=scene.mask,
                window=window,
                raw=raw,
                nodata=self.nodata,
                placed=self.georeferenced,
            ),
            parts=(scene.image, scene.mask),
        )


class _Ground:
    """The footprints of a scan: each file is read once.

    Attributes:
      labels: see `Scan`.
      remarks: what is wrong with them.
      files: that were read.
      met: whether any lies on a scene.
    """

    def __init__(self, source: GeoTiff, folder: Folder):
        self.labels: dict[str, str] = {}
        self.remarks: list[Remark] = []
        self.files: dict[str, None] = {}
        self.met = False
        self._source, self._folder = source, folder
        self._budget = footprints.Budget()
        self._read: Footprints | None = None

    def tiles(self, scene: Sample, raster: Raster, rows: Spans, columns: Spans) -> Iterator[Sample]:
        """The tiles of a scene."""
        file = self._named(scene)
        polygons = self._of(file)
        size = raster.width, raster.height
        near = footprints.on_scene(
            polygons, scene=scene.image, geo=raster.geo, crs=raster.crs, size=size
        )
        self.met |= bool(near.labels) or "{stem}" in self._source.footprints
        self.remarks += footprints.faults(near, scene=scene.image, size=size)
        shapes = footprints.on_tiles(near, rows=rows, columns=columns, budget=self._budget)
        for top, height in rows:
            for left, width in columns:
                window = left, top, width, height
                yield self._source._tile(scene, window, next(shapes), file)

    def _named(self, scene: Sample) -> str:
        return self._source.footprints.replace("{stem}", scene.id.rpartition("/")[2])

    def _of(self, file: str) -> Footprints:
        if self._read is None or self._read.file != file:
            source = self._source
            self._read = footprints.read(
                self._folder, file, field=source.property, layer=source.layer
            )
            self.files[file] = None
            for label, number in zip(self._read.labels, self._read.features, strict=True):
                self.labels.setdefault(plain(label), f"{file}: feature {number}")
        return self._read


def _channels(values: Values | None) -> int:
    """1 for numbers, 3 or 4 for colours."""
    if not isinstance(values, Mapping):
        return 1
    names = sorted({name for name in values.values() if name != VOID})
    return ClassTable(*(names or ["any"])).raw_table(values).bands


def _few_lines(problems: Sequence[str], most: int = 8) -> list[str]:
    """The first of them, and how many more there are."""
    more = [f"and {len(problems) - most} more like these"] if len(problems) > most else []
    return [*problems[:most], *more]


def _is_band(band: object) -> bool:
    return isinstance(band, int) and not isinstance(band, bool) and band > 0


def _is_geotiff(path: str) -> bool:
    return path.rpartition(".")[2].lower() in ("tif", "tiff")
