from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.catalog import Catalog, ListedObject, build_catalog, combined


def _listed(*keys: str, etag: str = "e", modified: float = 1.0) -> list[ListedObject]:
    return [ListedObject(key, 10, etag, modified) for key in keys]


def _catalog(*keys: str, prefix: str = "") -> Catalog:
    return build_catalog(_listed(*keys), prefix)


def test_files_are_grouped_by_model_and_version() -> None:
    catalog = _catalog("cars/1/model.onnx", "cars/2/a/b.bin", "cars/model.yaml", "dogs/latest/model.onnx")
    assert set(catalog.models) == {"cars", "dogs"}
    cars = catalog.models["cars"]
    assert [file.path for file in cars.versions["2"].files] == ["a/b.bin"]
    assert cars.card is not None
    assert catalog.models["dogs"].card is None
    assert catalog.objects == 4


def test_a_prefix_is_no_part_of_the_names() -> None:
    assert _catalog("team/cars/1/model.onnx", prefix="team/").models["cars"].versions["1"].problem is None


def test_of_two_prefixes_the_first_that_has_a_model_holds_and_the_other_is_told() -> None:
    site = _catalog("site/cars/2/model.onnx", prefix="site/")
    shared = _catalog("shared/cars/1/model.onnx", "shared/dogs/1/model.onnx", prefix="shared/")
    both = combined({"site/": site, "shared/": shared})
    assert {name: list(model.versions) for name, model in both.models.items()} == {
        "cars": ["2"],
        "dogs": ["1"],
    }
    assert both.objects == 3
    assert both.notices == ("cars: it lies under both 'site/' and 'shared/'; the one under 'site/' is used",)


def test_checksums_are_no_file_of_the_version() -> None:
    version = _catalog("cars/1/model.onnx", "cars/1/SHA256SUMS").models["cars"].versions["1"]
    assert [file.path for file in version.files] == ["model.onnx"]
    assert version.checksums is not None


def test_a_wrong_version_name_a_hostile_key_and_a_collision_are_problems_of_that_version_only() -> None:
    versions = _catalog("m/v1/a", "m/2/../b", "m/3/x", "m/3/x/y", "m/4/model.onnx").models["m"].versions
    assert "not a version number" in str(versions["v1"].problem)
    assert "m/2/../b" in str(versions["2"].problem)
    assert "is a file as well" in str(versions["3"].problem)
    assert versions["4"].problem is None


def test_the_fingerprint_follows_names_sizes_and_digests_and_dates_only_without_these() -> None:
    def version(*objects: ListedObject) -> str:
        return build_catalog(objects).models["m"].versions["1"].fingerprint

    one, other = "e" * 32, f"{'f' * 32}-2"
    base = version(ListedObject("m/1/a", 1, one, 1.0))
    assert base == version(ListedObject("m/1/a", 1, one, 99.0), ListedObject("m/1/SHA256SUMS", 5, "s", 1.0))
    assert base != version(ListedObject("m/1/b", 1, one, 1.0))
    assert base != version(ListedObject("m/1/a", 2, one, 1.0))
    assert base != version(ListedObject("m/1/a", 1, other, 1.0))
    # an ETag that is no digest need not change with the content
    opaque = version(ListedObject("m/1/a", 1, "0x8D", 1.0))
    assert opaque == version(ListedObject("m/1/a", 1, "0x8D", 1.0))
    assert opaque != version(ListedObject("m/1/a", 1, "0x8D", 2.0))


def test_adding_checksums_is_a_new_upload_of_the_same_content() -> None:
    plain = _catalog("m/1/a").models["m"].versions["1"]
    summed = _catalog("m/1/a", "m/1/SHA256SUMS").models["m"].versions["1"]
    assert plain.fingerprint == summed.fingerprint
    assert plain.upload_id != summed.upload_id


def test_notices_are_bounded_and_said_once() -> None:
    assert len(_catalog(*(f"stray-{number}.onnx" for number in range(100))).notices) == 20
    assert len(_catalog("stray.onnx", "stray.onnx").notices) == 1


_PARTS = st.sampled_from(
    ["m", "n", "_x", "1", "2", "latest", "v1", "..", "", "model.yaml", "SHA256SUMS", "a"]
)


@given(st.lists(st.lists(_PARTS, min_size=1, max_size=5).map("/".join), unique=True, max_size=30))
def test_every_listing_becomes_a_catalog_whatever_its_order(keys: list[str]) -> None:
    catalog = _catalog(*keys)
    assert catalog.objects == len(keys)
    backwards = _catalog(*reversed(keys))
    assert {
        (name, bucket_version, version.fingerprint, version.problem is None)
        for name, model in catalog.models.items()
        for bucket_version, version in model.versions.items()
    } == {
        (name, bucket_version, version.fingerprint, version.problem is None)
        for name, model in backwards.models.items()
        for bucket_version, version in model.versions.items()
    }
