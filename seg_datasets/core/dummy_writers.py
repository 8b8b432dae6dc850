"""Dummy writers: the smallest file of each annotation tool, for invented pictures.

Each function goes into scripts as it stands here, so each stands alone: no name of this module but
`Picture`, which scripts have too. Shapes are boxes, (label, left, top, right, bottom) in pixels,
written as the tool writes polygons.
"""

# Imports inside: each script holds one of these functions.
from __future__ import annotations

import pathlib

# Name of the image file, width, height, shapes.
Picture = tuple[str, int, int, list[tuple[str, int, int, int, int]]]


def write_cvat(file: pathlib.Path, pictures: list[Picture]) -> None:
    """CVAT for images 1.1."""
    from xml.sax import saxutils

    lines = ["<annotations>", "<version>1.1</version>"]
    for number, (name, width, height, shapes) in enumerate(pictures):
        lines.append(f'<image id="{number}" name="{name}" width="{width}" height="{height}">')
        for label, left, top, right, bottom in shapes:
            points = f"{left},{top};{right},{top};{right},{bottom};{left},{bottom}"
            given = saxutils.quoteattr(label)
            lines.append(f'<polygon label={given} points="{points}" z_order="0"></polygon>')
        lines.append("</image>")
    file.write_text("\n".join([*lines, "</annotations>", ""]), encoding="utf-8")


def write_labelme(file: pathlib.Path, pictures: list[Picture]) -> None:
    """LabelMe: one file for each image."""
    import json

    ((name, width, height, shapes),) = pictures
    drawn: list[dict] = [
        {
            "label": label,
            "points": [[left, top], [right, top], [right, bottom], [left, bottom]],
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for label, left, top, right, bottom in shapes
    ]
    size = {"imageHeight": height, "imageWidth": width}
    fields = {"version": "5.0.0", "shapes": drawn, "imagePath": name, "imageData": None, **size}
    file.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def write_coco(file: pathlib.Path, pictures: list[Picture]) -> None:
    """COCO instances."""
    import json

    labels = list(dict.fromkeys(label for *_, shapes in pictures for label, *_ in shapes))
    images: list[dict] = []
    drawn: list[dict] = []
    for number, (name, width, height, shapes) in enumerate(pictures, 1):
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for label, left, top, right, bottom in shapes:
            about = {"id": len(drawn) + 1, "image_id": number, "iscrowd": 0}
            about |= {"category_id": labels.index(label) + 1}
            area = (right - left) * (bottom - top)
            box = [left, top, right - left, bottom - top]
            corners = [left, top, right, top, right, bottom, left, bottom]
            drawn.append({**about, "area": area, "bbox": box, "segmentation": [corners]})
    categories = [{"id": number, "name": name} for number, name in enumerate(labels, 1)]
    fields = {"images": images, "annotations": drawn, "categories": categories}
    file.write_text(json.dumps(fields), encoding="utf-8")


def write_panoptic(
    file: pathlib.Path, pictures: list[Picture], *, folder: pathlib.Path, masks: str
) -> None:
    """COCO panoptic: a PNG of segment ids beside each image's entry."""
    import json

    import numpy as np
    from PIL import Image

    labels = list(dict.fromkeys(label for *_, shapes in pictures for label, *_ in shapes))
    images, drawn = [], []
    for number, (name, width, height, shapes) in enumerate(pictures, 1):
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        ids = np.zeros((height, width, 3), np.uint8)
        segments = []
        for segment, (label, left, top, right, bottom) in enumerate(shapes, 1):
            ids[top:bottom, left:right] = segment % 256, segment // 256, 0
            category = labels.index(label) + 1
            segments.append({"id": segment, "category_id": category, "iscrowd": 0})
        png = f"{name.rpartition('.')[0]}.png"
        (folder / masks).mkdir(parents=True, exist_ok=True)
        Image.fromarray(ids).save(folder / masks / png)
        drawn.append({"image_id": number, "file_name": png, "segments_info": segments})
    categories = [{"id": number, "name": name} for number, name in enumerate(labels, 1)]
    fields = {"images": images, "annotations": drawn, "categories": categories}
    file.write_text(json.dumps(fields), encoding="utf-8")


def write_darwin(file: pathlib.Path, pictures: list[Picture]) -> None:
    """V7 Darwin 2: one file for each image."""
    import json

    ((name, width, height, shapes),) = pictures
    drawn = []
    for label, left, top, right, bottom in shapes:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        path = [{"x": x, "y": y} for x, y in corners]
        drawn.append({"name": label, "polygon": {"paths": [path]}})
    slot = {"slot_name": "0", "width": width, "height": height}
    item = {"name": name, "path": "/", "slots": [slot]}
    schema = "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json"
    fields = {"version": "2.0", "schema_ref": schema, "item": item, "annotations": drawn}
    file.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def write_via(file: pathlib.Path, pictures: list[Picture], *, attribute: str) -> None:
    """VGG Image Annotator 2, JSON or CSV."""
    import csv
    import json

    rows: list[list] = []
    fields: dict[str, dict] = {}
    for name, _, _, shapes in pictures:
        regions = []
        for label, left, top, right, bottom in shapes:
            xs, ys = [left, right, right, left], [top, top, bottom, bottom]
            box = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
            given = {attribute or "class": label}
            regions.append({"shape_attributes": box, "region_attributes": given})
            rows.append([name, 1, "{}", len(shapes), len(regions) - 1, box, given])
        fields[f"{name}1"] = {"filename": name, "size": 1, "regions": regions}
    if file.suffix.lower() != ".csv":
        file.write_text(json.dumps(fields), encoding="utf-8")
        return
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        heading = "filename,file_size,file_attributes,region_count,region_id,"
        table.writerow(f"{heading}region_shape_attributes,region_attributes".split(","))
        table.writerows([*row[:5], json.dumps(row[5]), json.dumps(row[6])] for row in rows)


def write_labelme_xml(file: pathlib.Path, pictures: list[Picture]) -> None:
    """LabelMe's XML: one file for each image."""
    from xml.sax import saxutils

    ((name, width, height, shapes),) = pictures
    lines = ["<annotation>", f"<filename>{name}</filename>", "<folder></folder>"]
    size = f"<nrows>{height}</nrows><ncols>{width}</ncols>"
    lines.append(f"<imagesize>{size}</imagesize>")
    for number, (label, left, top, right, bottom) in enumerate(shapes):
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in corners)
        given = f"<name>{saxutils.escape(label)}</name><deleted>0</deleted><id>{number}</id>"
        lines.append(f"<object>{given}<polygon>{points}</polygon></object>")
    file.write_text("\n".join([*lines, "</annotation>", ""]), encoding="utf-8")


def write_voc(file: pathlib.Path, pictures: list[Picture]) -> None:
    """Pascal VOC's boxes: one file for each image."""
    from xml.sax import saxutils

    ((name, width, height, shapes),) = pictures
    size = f"<width>{width}</width><height>{height}</height><depth>3</depth>"
    lines = ["<annotation>", f"<filename>{name}</filename>", f"<size>{size}</size>"]
    for label, left, top, right, bottom in shapes:
        first = f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
        last = f"<xmax>{right}</xmax><ymax>{bottom}</ymax>"
        given = f"<name>{saxutils.escape(label)}</name>"
        lines.append(f"<object>{given}<bndbox>{first}{last}</bndbox></object>")
    file.write_text("\n".join([*lines, "</annotation>", ""]), encoding="utf-8")


def write_yolo(
    file: pathlib.Path, pictures: list[Picture], *, folder: pathlib.Path, labels: list[str]
) -> None:
    """YOLO's polygons: one file for each image, and the names of the classes."""
    import json

    ((_, width, height, shapes),) = pictures
    lines = []
    for label, left, top, right, bottom in shapes:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        shares = " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in corners)
        lines.append(f"{labels.index(label)} {shares}\n")
    file.write_text("".join(lines), encoding="utf-8")
    (folder / "data.yaml").write_text(f"names: {json.dumps(labels)}\n", encoding="utf-8")


def write_cvat_masks(
    file: pathlib.Path, pictures: list[Picture], *, folder: pathlib.Path, labelmap: str
) -> None:
    """CVAT's masks: one file for each image, and the colours of the labels."""
    import zlib

    import numpy as np
    from PIL import Image

    ((_, width, height, shapes),) = pictures
    mask = np.zeros((height, width, 3), np.uint8)
    heading, ground = "# label:color_rgb:parts:actions", "background:0,0,0::"
    lines = {heading: None, ground: None}
    if (folder / labelmap).exists():
        lines = dict.fromkeys((folder / labelmap).read_text(encoding="utf-8").splitlines())
    for label, left, top, right, bottom in shapes:
        red, green, blue = (zlib.crc32(label.encode()) | 1).to_bytes(4, "big")[1:]
        mask[top:bottom, left:right] = red, green, blue
        lines[f"{label}:{red},{green},{blue}::"] = None
    Image.fromarray(mask).save(file)
    (folder / labelmap).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_label_studio(file: pathlib.Path, pictures: list[Picture]) -> None:
    """Label Studio's JSON."""
    import json

    tasks = []
    for number, (name, width, height, shapes) in enumerate(pictures, 1):
        result: list[dict] = []
        for label, left, top, right, bottom in shapes:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            points = [[100 * x / width, 100 * y / height] for x, y in corners]
            tag = {"type": "polygonlabels", "from_name": "label", "to_name": "image"}
            size = {"original_width": width, "original_height": height, "image_rotation": 0}
            value = {"points": points, "polygonlabels": [label]}
            result.append({"id": f"r{len(result)}", **tag, **size, "value": value})
        at = {"completed_by": 1, "created_at": "2024-01-01T00:00:00Z", "was_cancelled": False}
        said = {"id": number, **at, "result": result}
        tasks.append({"id": number, "data": {"image": name}, "annotations": [said]})
    file.write_text(json.dumps(tasks), encoding="utf-8")


def write_supervisely(file: pathlib.Path, pictures: list[Picture]) -> None:
    """Supervisely: one file for each image."""
    import json

    ((_, width, height, shapes),) = pictures
    drawn = []
    for number, (label, left, top, right, bottom) in enumerate(shapes):
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        points = {"exterior": corners, "interior": []}
        kind = {"geometryType": "polygon", "classTitle": label}
        drawn.append({"id": number, **kind, "points": points})
    fields = {"description": "", "tags": [], "size": {"height": height, "width": width}}
    file.write_text(json.dumps({**fields, "objects": drawn}), encoding="utf-8")


def write_labelbox(file: pathlib.Path, pictures: list[Picture]) -> None:
    """Labelbox's NDJSON."""
    import json

    lines = []
    for number, (name, width, height, shapes) in enumerate(pictures):
        drawn: list[dict] = []
        for label, left, top, right, bottom in shapes:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            polygon = [{"x": x, "y": y} for x, y in corners]
            one = {"feature_id": f"f{number}_{len(drawn)}", "name": label}
            drawn.append({**one, "annotation_kind": "ImagePolygon", "polygon": polygon})
        said = {"created_at": "2024-01-01T00:00:00Z", "created_by": "a@example.com"}
        label_of = {"label_details": said, "annotations": {"objects": drawn}}
        row = {"id": f"row{number}", "external_id": name}
        size = {"width": width, "height": height}
        projects = {"project": {"name": "project", "labels": [label_of]}}
        fields = {"data_row": row, "media_attributes": size, "projects": projects}
        lines.append(json.dumps(fields) + "\n")
    file.write_text("".join(lines), encoding="utf-8")


def write_cityscapes(file: pathlib.Path, pictures: list[Picture]) -> None:
    """Cityscapes' polygons: one file for each image."""
    import json

    ((_, width, height, shapes),) = pictures
    drawn = [
        {"label": label, "polygon": [[left, top], [right, top], [right, bottom], [left, bottom]]}
        for label, left, top, right, bottom in shapes
    ]
    fields = {"imgHeight": height, "imgWidth": width, "objects": drawn}
    file.write_text(json.dumps(fields), encoding="utf-8")


def write_object_masks(file: pathlib.Path, pictures: list[Picture]) -> None:
    """A mask for each object: one folder for each image."""
    import numpy as np
    from PIL import Image

    ((_, width, height, shapes),) = pictures
    for number, (_, left, top, right, bottom) in enumerate(shapes):
        mask = np.zeros((height, width), np.uint8)
        mask[top:bottom, left:right] = 255
        Image.fromarray(mask).save(file.with_name(f"{number}.png"))
