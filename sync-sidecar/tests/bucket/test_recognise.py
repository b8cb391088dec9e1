"""Each mistake is told with what to do, and doing it works: the same files, as told, make a good upload."""

import re

import pytest
from edge_common.errors import RejectedError
from model_sync.bucket.catalog import Catalog, ListedObject, build_catalog
from model_sync.bucket.keys import CARD_NAME, is_dropping
from model_sync.bucket.recognise import (
    loose_notices,
    misnamed_notices,
    model_file,
    partner_missing,
    similar_name,
)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["model.xml", "model.bin", "model.onnx"], "model.xml"),
        (["model.xml", "model.onnx"], "model.onnx"),
        (["m.pdmodel", "m.pdiparams", "x.tflite"], "m.pdmodel"),
        (["saved_model.pb", "variables/variables.index"], "."),
        (["frozen.pb"], "frozen.pb"),
        (["b.onnx", "a.onnx", "model.xml", "model.bin"], "model.xml"),
        (["model.xml", "model.bin", "other.bin"], "model.xml"),
        (["deep/model.onnx", "README"], None),
        ([], None),
    ],
)
def test_the_model_is_found_as_the_server_finds_it(paths: list[str], found: str | None) -> None:
    assert model_file(paths) == found


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (["b.onnx", "a.onnx"], "'a.onnx' and 'b.onnx'"),
        (["._m.xml", "m.xml", "m.bin"], "'._m.xml' and 'm.xml'"),
        (["saved_model.pb", "variables/variables.index", "frozen.pb"], "'frozen.pb' and 'saved_model.pb'"),
        (["a.onnx", "graph.pbtxt"], "graph.pbtxt makes the server run a graph"),
    ],
)
def test_files_of_which_the_server_might_read_another_are_refused(paths: list[str], named: str) -> None:
    with pytest.raises(RejectedError, match=named):
        model_file(paths)


def _catalog(*keys: str, prefix: str = "") -> Catalog:
    return build_catalog([ListedObject(key, 10, "e", 1.0) for key in sorted(keys)], prefix)


def _fit(catalog: Catalog, model: str, version: str) -> bool:
    """Whether that version is a whole model under a good name."""
    upload = catalog.models[model].versions[version]
    return upload.problem is None and upload.partner_missing is None


@pytest.mark.parametrize(
    "left_behind",
    [
        "._model.onnx",
        ".DS_Store",
        "__MACOSX/._model.onnx",
        "__MACOSX/model.onnx",
        "Thumbs.db",
        "desktop.ini",
        "Desktop.ini",
        "Icon\r",
        "sub/.DS_Store",
        "model.onnx:Zone.Identifier",
        "@eaDir/model.onnx/x",
    ],
)
def test_what_a_desktop_leaves_beside_a_good_model_is_passed_over(left_behind: str) -> None:
    catalog = _catalog("m/1/model.onnx", f"m/1/{left_behind}", f"m/{left_behind}", left_behind)
    assert [file.path for file in catalog.models["m"].versions["1"].files] == ["model.onnx"]
    assert _fit(catalog, "m", "1")
    assert not catalog.notices


@pytest.mark.parametrize("path", ["model.onnx", "_x.bin", "macosx/x", "thumbs.dbx", ".hidden", "a._b"])
def test_other_files_are_no_droppings(path: str) -> None:
    assert not is_dropping(path)


@pytest.mark.parametrize(
    ("keys", "folder", "there"),
    [
        (["dup/dup/1/model.onnx"], "dup/dup/1", "dup/1"),
        (["dup//1/model.onnx"], "dup//1", "dup/1"),
        (["m/m/m/37/model.xml", "m/m/m/37/model.bin"], "m/m/m/37", "m/37"),
    ],
)
def test_a_folder_in_itself_is_uploaded_as_told(keys: list[str], folder: str, there: str) -> None:
    model = keys[0].split("/", maxsplit=1)[0]
    (upload,) = _catalog(*keys).models[model].versions.values()
    assert upload.problem == f"'{folder}' lies too deep; upload it as '{there}'"
    assert _fit(_catalog(*(key.replace(folder, there) for key in keys)), *there.split("/"))


@pytest.mark.parametrize(
    ("key", "prefix", "above", "new_prefix"),
    [
        ("models/cars/1/model.onnx", "", "models", "models/"),
        ("a/models/cars/latest/model.onnx", "", "a/models", "a/models/"),
        ("team/models/cars/1/model.onnx", "team/", "models", "team/models/"),
    ],
)
def test_a_folder_above_the_models_is_left_out_or_named_as_prefix(
    key: str, prefix: str, above: str, new_prefix: str
) -> None:
    (model,) = _catalog(key, prefix=prefix).models.values()
    (upload,) = model.versions.values()
    assert upload.problem is not None
    assert f"{above!r} is a folder above models; upload the folder 'cars' itself" in upload.problem
    assert upload.problem.endswith(f"set MODEL_SYNC_PREFIX={new_prefix}")
    version = key.split("/")[-2]
    assert _fit(_catalog(key, prefix=new_prefix), "cars", version)
    assert _fit(_catalog(key.replace(f"{above}/", ""), prefix=prefix), "cars", version)


@pytest.mark.parametrize(
    "folder",
    [
        "0",
        "01",
        "v1",
        "1.0",
        "final",
        "1 (copy)",
        "2024-05-01",
        "1715000000000",
        "Latest",
        "V2.1.3",
        "\u0661",
    ],
)
@pytest.mark.parametrize("beside", [[], ["1"], ["1", "10", "213"]])
def test_a_folder_that_is_no_version_gets_a_free_number(folder: str, beside: list[str]) -> None:
    others = [f"m/{other}/model.onnx" for other in beside]
    problem = _catalog(f"m/{folder}/model.onnx", *others).models["m"].versions[folder].problem
    found = re.search(r"rename the folder to a whole number such as (\d+), or latest$", problem or "")
    assert found is not None
    assert found[1] not in beside
    assert _fit(_catalog(f"m/{found[1]}/model.onnx", *others), "m", found[1])


@pytest.mark.parametrize(
    ("paths", "sentence", "mended"),
    [
        (["MODEL.ONNX"], "small letters; upload 'MODEL.ONNX' as 'MODEL.onnx'", ["MODEL.onnx"]),
        (
            ["MODEL.XML", "MODEL.BIN"],
            "upload 'MODEL.BIN' as 'MODEL.bin' and 'MODEL.XML' as 'MODEL.xml'",
            ["MODEL.xml", "MODEL.bin"],
        ),
        (["m.XML", "m.bin"], "upload 'm.XML' as 'm.xml'", ["m.xml", "m.bin"]),
        (["m.xml", "m.BIN"], "if 'm.BIN' is meant, upload it as 'm.bin'", ["m.xml", "m.bin"]),
        (["M.xml", "m.bin"], "'m.bin' is meant, upload it as 'M.bin'", ["M.xml", "M.bin"]),
        (["model.xml", "weights.bin"], "upload it as 'model.bin'", ["model.xml", "model.bin"]),
        (["m.xml", "m.bin", "pom.xml"], "if 'pom.xml' is no model, remove it", ["m.xml", "m.bin"]),
        (["m.onnx", "w.bin", "x.xml"], "if 'x.xml' is no model, remove it", ["m.onnx", "w.bin"]),
        (["m.onnx", "w.bin", "x.xml"], "if 'w.bin' is meant, upload it as 'x.bin'", ["x.xml", "x.bin"]),
        (["1/model.onnx"], "upload what is in '1' directly into the version", ["model.onnx"]),
        (["ir/m.xml", "ir/m.bin"], "upload what is in 'ir' directly", ["m.xml", "m.bin"]),
        (["sm/saved_model.pb", "sm/variables/variables.index"], "what is in 'sm' directly",
         ["saved_model.pb", "variables/variables.index"]),
        (["model"], "'model' has no suffix that tells its format; upload it with one", ["model.onnx"]),
        (["model.onnx.gz"], "is packed with gzip: unpack it with gunzip", ["model.onnx"]),
        (["model.zip"], "is a ZIP archive: unpack it and upload what is in it", ["model.onnx"]),
        (["model.tar"], "is an archive: unpack it", ["model.onnx"]),
        (["model.pt"], "is a PyTorch file: export it to ONNX", ["model.onnx"]),
        (["model.h5"], "is a Keras or HDF5 file: save it as a SavedModel",
         ["saved_model.pb", "variables/variables.index"]),
        (["model.safetensors"], "is a file of weights without the model: export it to ONNX", ["model.onnx"]),
        (["model.onnx.part"], "a transfer that did not end: upload the whole file", ["model.onnx"]),
        (["inference.json", "inference.pdiparams"], "is Paddle 3's own format: export to ONNX", ["m.onnx"]),
        (["car.jpg"], "waiting for a model file (.xml and .bin", ["model.onnx"]),
    ],
)  # fmt: skip
def test_what_is_no_model_is_named_and_the_advice_makes_it_one(
    paths: list[str], sentence: str, mended: list[str]
) -> None:
    assert sentence in str(partner_missing(paths))
    assert partner_missing(mended) is None
    assert model_file(mended) is not None


def test_a_stray_xml_beside_another_format_is_passed_over_as_the_server_does() -> None:
    paths = ["annotations.xml", "model.onnx"]
    assert partner_missing(paths) is None
    assert model_file(paths) == "model.onnx"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["cars/model.onnx"], "cars/1/model.onnx"),
        (["cars/2/model.onnx", "cars/model.onnx"], "cars/3/model.onnx"),
        (["bus/model.bin", "bus/model.xml", "bus/labels.txt"], "bus/1/model.bin"),
        (["m/MODEL.ONNX"], "m/1/MODEL.ONNX"),
        (["m/model.pt"], "m/1/model.pt"),
        (["m/1/model.onnx", "m/model.sig"], "m/2/model.sig"),
    ],
)
def test_files_directly_in_the_models_folder_are_told_with_a_place_that_is_free(
    keys: list[str], told: str
) -> None:
    (notice,) = _catalog(*keys).notices
    assert "directly in the model's folder is not served" in notice
    assert notice.endswith(f"such as {told}")
    assert told not in keys


def test_a_model_without_versions_is_told_and_a_card_beside_versions_is_in_its_place() -> None:
    assert loose_notices("m", {"labels.txt"}, ()) == [
        "m: it has no version yet; upload the model's files into m/1/"
    ]
    assert not loose_notices("m", {CARD_NAME, "labels.txt", "sample.jpg"}, {"1"})


@pytest.mark.parametrize(
    "name",
    [
        "model.yml",
        "Model.yaml",
        "model.yaml.txt",
        "card.yaml",
        "model_card.yaml",
        "model (1).yaml",
        "MODEL.YAML",
    ],
)
def test_a_card_under_another_name_is_told_until_it_has_its_own(name: str) -> None:
    for key, where in ((f"m/{name}", "m"), (f"m/1/{name}", "m/1")):
        (notice,) = _catalog("m/1/model.onnx", key).notices
        assert notice == f"{where}: {name!r} is not read; if it is the model card, upload it as model.yaml"
        assert not _catalog("m/1/model.onnx", key.replace(name, "model.yaml")).notices


@pytest.mark.parametrize(
    "name", ["sha256sums.txt", "SHA256SUMS.txt", "checksums.sha256", "model.onnx.sha256"]
)
def test_digests_under_another_name_are_told_until_they_have_theirs(name: str) -> None:
    (notice,) = _catalog("m/1/model.onnx", f"m/1/{name}").notices
    assert notice == f"m/1: {name!r} is not read; if it is the digests, upload it as SHA256SUMS"
    assert not _catalog("m/1/model.onnx", "m/1/SHA256SUMS", f"m/1/{name}").notices


def test_usual_names_are_not_taken_for_cards_or_digests() -> None:
    names = {"inference.yml", "labels.txt", "config.json", "README.md", "model.onnx", "data.yaml", "sums"}
    assert not misnamed_notices("m", names - {"sums"})


@pytest.mark.parametrize(
    ("key", "as_told"),
    [
        ("win\\1\\model.onnx", "win/1/model.onnx"),
        ("/cars/1/model.onnx", "cars/1/model.onnx"),
        ("//cars//1/model.onnx", "cars/1/model.onnx"),
    ],
)
def test_keys_with_the_wrong_strokes_are_told_as_they_should_be(key: str, as_told: str) -> None:
    assert _catalog(key).notices == (
        f"{key!r} is in no folder that can be read; upload it as {as_told!r}",
    ) or ("\\" in key and as_told in _catalog(key).notices[0])
    model, version, _ = as_told.split("/")
    assert _fit(_catalog(as_told), model, version)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        (["Labels.txt", "x.txt"], "Labels.txt"),
        (["1/labels.txt", "notes.txt"], "1/labels.txt"),
        (["label.txt"], "label.txt"),
        (["labels.csv"], "labels.csv"),
        (["labels.txt.txt"], "labels.txt.txt"),
        (["2/Labels.txt", "labels.csv"], "2/Labels.txt"),
        (["model.onnx", "classes"], None),
    ],
)
def test_the_file_that_was_probably_meant_is_found(others: list[str], found: str | None) -> None:
    assert similar_name("labels.txt", others) == found
