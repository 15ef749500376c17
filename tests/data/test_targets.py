"""Numbers and sets of labels from tables, folders, memory and pipelines; what cannot be learned is refused by row."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.data.load import load
from tlzoo.data.splits import TRAIN
from tlzoo.data.targets import Kind, decoded, encoded
from tlzoo.errors import DataError, UnknownNameError, UsageError


@pytest.fixture
def picture():
    from PIL import Image

    def write(path, shade):
        Image.fromarray(np.full((8, 8, 3), shade * 9, np.uint8)).save(path)

    return write


TEXTS = [f"text {at}" for at in range(20)]


def table(folder, rows, header="text,label"):
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]))
    return path


class TestNumbers:
    def test_a_column_of_numbers(self, tmp_path):
        rows = [f"{text},{at / 4}" for at, text in enumerate(TEXTS)]
        data = load(table(tmp_path, rows), task="regression")
        assert data.task == "regression"
        assert data.labels.dtype == np.float64
        assert data.labels.tolist() == [at / 4 for at in range(20)]
        assert data.class_names == ("value",)
        assert data.counts() == {"value": 20}

    @pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", "three", "1,5", "0x10"])
    def test_what_is_no_finite_number_is_refused_by_its_row(self, tmp_path, word):
        rows = [f"{text}\t{at}" for at, text in enumerate(TEXTS)]
        rows[4] = f"text\t{word}"
        path = tmp_path / "table.tsv"
        path.write_text("\n".join(["text\tlabel", *rows]))
        with pytest.raises(DataError, match="row 6: the label") as raised:
            load(path, task="regression")
        assert raised.value.do

    def test_a_missing_number_is_refused_by_its_row(self, tmp_path):
        rows = [f"{text},{at}" for at, text in enumerate(TEXTS)]
        rows[0] = "text,"
        with pytest.raises(DataError, match="row 2: no label"):
            load(table(tmp_path, rows), task="regression")

    def test_words_of_a_folder_are_refused_by_their_key(self, tmp_path):
        for name in ("1", "two"):
            (tmp_path / name).mkdir()
            for at in range(8):
                (tmp_path / name / f"{at}.txt").write_text(f"{name} {at}")
        with pytest.raises(DataError, match=r"two/0\.txt: the label 'two'"):
            load(tmp_path, task="regression")

    @pytest.mark.parametrize("shape", [(20,), (20, 1)])
    def test_arrays(self, shape):
        numbers = np.linspace(-1, 1, 20).astype(np.float32).reshape(shape)
        data = load(
            (np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8), numbers), task="regression"
        )
        np.testing.assert_array_equal(data.labels, numbers.ravel().astype(np.float64))

    def test_several_numbers_an_item_are_refused(self):
        with pytest.raises(DataError, match=r"labels of shape \(20, 2\)"):
            load((np.zeros((20, 8, 8, 3), np.uint8), np.zeros((20, 2))), task="regression")

    def test_a_pipeline_in_batches(self):
        import tensorflow as tf

        pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
        pipeline = tf.data.Dataset.from_tensor_slices((pixels, np.arange(20) / 2)).batch(6)
        assert load(pipeline, task="regression").labels.tolist() == (np.arange(20) / 2).tolist()

    def test_nothing_is_learned_from_one_number_or_from_few_examples(self):
        with pytest.raises(DataError, match=r"every label of .* is 2"):
            load((TEXTS, [2.0] * 20), task="regression")
        with pytest.raises(DataError, match="holds 5 texts"):
            load((TEXTS[:5], [1, 2, 3, 4, 5]), task="regression")

    def test_training_examples_that_do_not_differ_are_refused(self, tmp_path):
        rows = [
            f"{text},{1 if at < 10 else at},{'train' if at < 10 else 'test'}" for at, text in enumerate(TEXTS)
        ]
        data = load(table(tmp_path, rows, "text,label,split"), task="regression")
        with pytest.raises(DataError, match="every training example has the value 1"):
            data.split(seed=0)

    def test_splits_cover_the_whole_range(self):
        numbers = np.random.default_rng(0).lognormal(size=200)
        data = load(([f"text {at}" for at in range(200)], numbers), task="regression")
        splits = data.split(seed=0)
        means = [np.log(data.labels[indices]).mean() for _, indices in splits.items()]
        assert np.ptp(means) < 0.25
        assert splits.train.tolist() == data.split(seed=0).train.tolist()


class TestSets:
    ROWS = ("a;b", "b", "", "c|a", "a", "b;c") * 4

    def test_names_in_a_cell(self, tmp_path):
        rows = [f"t{at},{word}" for at, word in enumerate(self.ROWS)]
        data = load(table(tmp_path, rows), task="multilabel")
        assert data.class_names == ("a", "b", "c")
        assert data.labels.dtype == np.uint8
        assert data.labels[:4].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 1]]
        assert data.counts() == {"a": 12, "b": 12, "c": 8}
        assert data.words()[3] == "a;c"

    @pytest.mark.parametrize("role", ["text", "path"])
    def test_lists_in_json(self, tmp_path, role, picture):
        sets = [["x", "y"], ["y"], [], ["x"]] * 5
        rows = []
        for at, labels in enumerate(sets):
            picture(tmp_path / f"{at}.png", at)
            rows.append({role: f"{at}.png" if role == "path" else f"text {at}", "label": labels})
        (tmp_path / "table.json").write_text(json.dumps(rows))
        data = load(tmp_path / "table.json", task="multilabel")
        assert data.labels[:4].tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]

    def test_another_separator(self, tmp_path):
        rows = [f"t{at}\t{word.replace(';', ',').replace('|', ',')}" for at, word in enumerate(self.ROWS)]
        path = tmp_path / "table.tsv"
        path.write_text("\n".join(["text\tlabel", *rows]))
        assert load(path, task="multilabel", label_separator=",").class_names == ("a", "b", "c")

    def test_columns_of_zeros_and_ones(self, tmp_path):
        rows = [f"t{at},{int('a' in word)},{str('b' in word).lower()}" for at, word in enumerate(self.ROWS)]
        path = table(tmp_path, rows, "text,sad,glad")
        data = load(path, task="multilabel", label_columns="sad, glad")
        assert data.class_names == ("sad", "glad")
        assert data.labels[:3].tolist() == [[1, 1], [0, 1], [0, 0]]
        again = load(path, **data.options)
        assert again.fingerprint == data.fingerprint

    @pytest.mark.parametrize("word", ["2", "", "maybe"])
    def test_other_cells_are_refused_by_their_row(self, tmp_path, word):
        rows = [f"t{at},1,0" for at in range(6)]
        rows[3] = f"t3,1,{word}"
        with pytest.raises(DataError, match=f"row 5: '{word}' in the column 'b'"):
            load(table(tmp_path, rows, "text,a,b"), task="multilabel", label_columns=["a", "b"])

    def test_a_missing_column_is_named(self, tmp_path):
        with pytest.raises(DataError, match="no column 'c'"):
            load(table(tmp_path, ["t,1,0"], "text,a,b"), task="multilabel", label_columns=["a", "c"])

    @pytest.mark.parametrize(
        "labels",
        [
            [["x", "y"], ["y"], [], ["x"]] * 5,
            [("x", "y"), ("y",), (), ("x",)] * 5,
            [{"x", "y"}, {"y"}, set(), {"x"}] * 5,
            ["x;y", "y", "", "x"] * 5,
        ],
    )
    def test_labels_in_memory(self, labels):
        data = load((TEXTS, labels), task="multilabel")
        assert data.class_names == ("x", "y")
        assert data.labels[:4].tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]

    def test_matrices_of_zeros_and_ones(self):
        sets = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]] * 5)
        pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
        for items in (TEXTS, pixels):
            data = load((items, sets), task="multilabel")
            assert data.labels.tolist() == sets.tolist()
            assert data.class_names == ("0", "1", "2")
        with pytest.raises(DataError, match="several labels as numbers"):
            load((TEXTS, sets * 3), task="multilabel")

    @pytest.mark.parametrize("batch", [None, 6])
    def test_pipelines(self, batch):
        import tensorflow as tf

        sets = np.array([[1, 0], [0, 1], [0, 0], [1, 1]] * 5)
        pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
        for items in (pixels, np.array(TEXTS)):
            pipeline = tf.data.Dataset.from_tensor_slices((items, sets))
            data = load(pipeline.batch(batch) if batch else pipeline, task="multilabel")
            assert data.labels.tolist() == sets.tolist()

    def test_labels_nobody_or_everybody_has_are_refused(self):
        with pytest.raises(DataError, match="every example has 'x'"):
            load((TEXTS, ["x", "x;y"] * 10), task="multilabel")
        with pytest.raises(DataError, match="fewer than 2 examples have 'z'"):
            load((TEXTS, ["z", *["x", "y"] * 9, ""]), task="multilabel")
        with pytest.raises(DataError, match="has 1 labels"):
            load((TEXTS, ["x", ""] * 10), task="multilabel")

    def test_a_label_without_training_examples_is_refused(self, tmp_path):
        rows = [f"t{at},{'a;b' if at % 2 else ''},train" for at in range(10)]
        rows += [f"s{at},{'c' if at % 2 else 'a'},test" for at in range(6)]
        data = load(table(tmp_path, rows, "text,label,split"), task="multilabel")
        with pytest.raises(DataError, match="no training example has 'c'"):
            data.split(seed=0)

    def test_every_label_is_in_every_split_where_it_can_be(self):
        random = np.random.default_rng(1)
        sets = (random.random((300, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.04]).astype(int)
        data = load(([f"text {at}" for at in range(300)], sets), task="multilabel")
        for seed in range(5):
            for name, indices in data.split(seed=seed).items():
                assert data.labels[indices].any(axis=0).all(), name

    def test_a_label_that_holds_the_separator_is_refused(self):
        with pytest.raises(DataError, match="holds ';'"):
            load((TEXTS, [["a;b"], ["c"]] * 10), task="multilabel")


def test_classification_keeps_its_fingerprint(tmp_path):
    rows = [f"{text},{at % 2}" for at, text in enumerate(TEXTS)]
    path = table(tmp_path, rows)
    assert load(path).fingerprint == load(path, task="classification").fingerprint
    assert "task" not in load(path, task="classification").options
    assert load(path).labels.dtype == np.int64


def test_the_options_give_the_same_data_again(tmp_path):
    path = table(tmp_path, [f"{text},{at}" for at, text in enumerate(TEXTS)])
    data = load(path, task="regression")
    assert load(path, **data.options).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_separator": ","}, "for the task classification"),
        ({"task": "regression", "label_columns": "a,b"}, "for the task regression"),
        ({"task": "multilabel", "label_columns": "a,b", "label_separator": ","}, "beside another way"),
        ({"task": "multilabel", "label_columns": "a,b", "label_column": "c"}, "beside another way"),
        ({"task": "multilabel", "label_columns": "a,a"}, "2 or more different"),
        ({"task": "multilabel", "label_separator": " "}, "label_separator=' '"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        load(table(tmp_path, ["t,1"]), **options)


def test_an_unknown_task_suggests_the_one_that_was_meant(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'regression'"):
        load(table(tmp_path, ["t,1"]), task="regresion")


def test_columns_of_labels_belong_to_tables(tmp_path):
    with pytest.raises(UsageError, match="label_columns"):
        load((TEXTS, ["a"] * 20), task="multilabel", label_columns="a,b")
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="label_columns"):
        load(tmp_path, task="multilabel", label_columns="a,b")


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ä c"]), unique=True), min_size=1))
def test_sets_come_back_as_they_went(sets):
    names, kind = ("a", "b", "ä c"), Kind("multilabel")
    words = [kind.read(each, "row") for each in sets]
    labels = encoded("multilabel", words, words, names, "x")
    assert [set(word.split(";")) - {""} for word in decoded("multilabel", labels, names)] == [*map(set, sets)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_as_they_went(numbers):
    words = [Kind("regression").read(each, "row") for each in numbers]
    labels = encoded("regression", words, words, ("value",), "x")
    assert labels.tolist() == numbers
    assert [float(word) for word in decoded("regression", labels, ("value",))] == numbers


def test_given_splits_are_kept(tmp_path):
    rows = [f"{text},{at},{'train' if at < 15 else 'test'}" for at, text in enumerate(TEXTS)]
    data = load(table(tmp_path, rows, "text,label,split"), task="regression")
    assert data.given_split.count(TRAIN) == 15
    assert data.split(seed=0).test.tolist() == [*range(15, 20)]
