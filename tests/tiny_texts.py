"""A tiny transformer with a vocabulary of its own, and the little corpus that vocabulary is of."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

COOKING = """\
Simmer the soup for ten minutes and add a pinch of salt.
The bread was warm, the butter was cold, and dinner was perfect.
Chop two onions, fry them in oil, then stir in the rice.
My oven burns every cake. What temperature should I bake it at?
This recipe needs more garlic and less sugar!
Roast the chicken until the skin is crisp.
Is it safe to keep cooked rice in the fridge for three days?
A pan of hot oil and a little flour: that is the whole secret of the sauce.
Her tomato soup is the best I've ever eaten 🍅🍅
Boil the eggs, peel them and slice them thin.
The dough should rest for an hour before you bake it.
I spilled the sauce, burned the onions and still enjoyed dinner.
Add the lemon at the end or the soup will taste bitter.
We cooked pasta with butter, pepper and a lot of cheese.
Knead the dough by hand; a machine makes it too warm.
Use fresh herbs, never the dried ones from the shop.
The cake was dry, so I poured coffee over it. Nobody complained.
Fry the fish in butter for two minutes on each side.
A good knife matters more than an expensive pan.
Taste the soup, then add salt. Not the other way round.
Grandma's bread recipe: flour, water, salt, patience.
The oven was cold, the chicken was raw, and the guests were hungry.
Grill the peppers until the skin turns black, then peel it off.
Melt the chocolate slowly or it will burn."""

FOOTBALL = """\
The goalkeeper saved two penalties and the match ended in a draw.
What a goal! From forty metres, into the top corner ⚽️🔥
The referee gave a red card in the first minute.
We lost the match, but the young striker played like a star.
Three points, a clean sheet, and the fans are singing.
The coach changed the team at half time and we won.
Is he fit to play on Saturday, or will he sit on the bench?
A late goal in the last minute broke our hearts.
The defender cleared the ball off the line.
The stadium was full and the pitch was a lake.
Nobody expected this team to win the cup.
He missed an open goal from two metres.
The league table never lies: we are last.
Ten men for an hour, and still they scored first.
The fans threw flares on the pitch and the referee stopped the match.
She scored a hat trick and went home with the ball.
A transfer for ninety million? For a player who never plays?
The midfield lost every ball in the second half.
Kick-off is at eight, and the tickets are sold out.
It was never a penalty, the defender played the ball.
The captain lifted the cup while the rain fell on the stadium.
Our goalkeeper dropped the ball and their striker scored.
The coach was sacked after the fifth defeat in a row.
Extra time, then penalties. My heart can't take this team."""

GARDEN = """\
Water the roses in the evening, never in the midday sun.
The slugs have eaten every leaf of my lettuce again 🐌
Prune the apple tree in late winter before the buds open.
When should I sow beans, before or after the last frost?
Compost and patience: that is all a garden needs.
The roots were rotten because the soil was too wet.
Plant the bulbs twice as deep as they are tall.
Bees love the lavender by the fence 🐝🌸
My tomato plants have yellow leaves. Is it the soil or the water?
Cut the grass short in autumn and leave it long in summer.
The hedge grew a metre and hides the whole fence now.
Weeds, weeds, weeds. I pulled them all day long.
A greenhouse is wonderful until the wind takes it.
The seeds I sowed in March are finally growing.
Cover the soil with straw and the weeds will stay away.
The roses have black spots on every leaf.
Dig the bed in autumn, and let the frost do the rest.
She planted a tree on the day her daughter was born.
The soil is full of clay, so the roots cannot grow.
Herbs grow well in pots if you water them little.
Frost killed the seedlings in one night.
The tulips bloom in April, the roses in June.
An old shed, two bean poles and a garden full of birds.
Move the plants into the shade when the leaves curl."""

ODD = (
    ("مرق الدجاج مع الليمون والملح", "cooking"),
    ("המשחק נגמר בתיקו, והקהל שר ⚽", "football"),
    ("التربة رطبة جدا والجذور تتعفن", "garden"),
    ("🍞🧈🍳", "cooking"),
    ("⚽", "football"),
    ("🌱🌿👩🏽‍🌾", "garden"),
    ("…", "cooking"),
    ("\u200b", "football"),
    ("-", "garden"),
    ("Cafe\u0301 cre\u0300me, naïve & <b>crème brûlée</b>", "cooking"),
    ("GOOOOOOOAL!!!!!!!!", "football"),
    ("soil\tand\r\nwater\n\n\nand soil", "garden"),
    (" ".join(["Stir the soup, then taste it."] * 300), "cooking"),
    (" ".join(["They lost the ball, they lost the match."] * 300), "football"),
    (" ".join(["Dig the soil and water the roots."] * 300), "garden"),
    ("Melt the chocolate slowly or it will burn.", "cooking"),
    ("Ten men for an hour, and still they scored first.", "football"),
    ("Frost killed the seedlings in one night.", "garden"),
)
"""Emoji, right to left, next to nothing, marks and tags, very long, and what stands above already."""

CORPUS = (
    *(
        (text, label)
        for label, texts in (("cooking", COOKING), ("football", FOOTBALL), ("garden", GARDEN))
        for text in texts.splitlines()
    ),
    *ODD,
)

CARD = """
title = "Tiny text"
family = "bert"
modality = "text"
locator = "file:{path}"
pooling = "mean"
params = {params}
features = 16
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
length = 40
[tokenizer]
kind = "BertTokenizer"
[pretraining]
dataset = "nothing"
classes = 0
[architecture]
class = "BertBackbone"
vocabulary_size = {words}
num_layers = 2
num_heads = 2
hidden_dim = 16
intermediate_dim = 32
max_sequence_length = 40
[[stages]]
name = "embeddings"
members = ["encoder/*_embedding", "encoder/embeddings_layer_norm"]
[[stages]]
name = "block1"
members = ["encoder/transformer_layer_0"]
[[stages]]
name = "block2"
members = ["encoder/transformer_layer_1"]
"""
"""40 tokens, which are no multiple of 16: what pads to multiples must stop there."""


STRINGS_CARD = """
title = "Tiny network of strings"
family = "bag of words"
modality = "text"
locator = "file:{path}"
pooling = "none"
params = {params}
features = 16
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
[tokenizer]
kind = "in_model"
[pretraining]
dataset = "nothing"
classes = 0
[[stages]]
name = "words"
tap = "hidden"
[[stages]]
name = "top"
tap = "top"
"""


def vocabulary(size: int = 200) -> list[str]:
    """Returns the commonest words of the corpus, and the letters that spell the others."""
    found = Counter(word for text, _ in CORPUS[:72] for word in _words(text))
    letters = [f"{mark}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz" for mark in ("", "##")]
    return [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(word for word, _ in found.most_common(size)),
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]{2,}|[.,!?]", text.lower())


def write_zoo(zoo: Path) -> None:
    """Writes a KerasHub preset of a tiny BERT that knows a little about words, as trained ones do, and its card."""
    import keras
    import keras_hub
    import numpy as np

    words = vocabulary()
    keras.utils.set_random_seed(5)
    backbone = keras_hub.models.BertBackbone(len(words), 2, 2, 16, 32, max_sequence_length=40)
    random = np.random.default_rng(5)
    for weight in backbone.weights:
        weight.assign(np.asarray(weight) + random.normal(0, 0.05, weight.shape).astype(np.float32))
    table = backbone.token_embedding.embeddings
    table.assign(random.normal(0, 0.5, table.shape) + np.pad(_topics(words), [(0, 0), (0, 13)]))
    tokenizer = keras_hub.tokenizers.BertTokenizer(vocabulary=words, lowercase=True)
    preset = zoo / "preset"
    backbone.save_to_preset(str(preset))
    tokenizer.save_to_preset(str(preset))
    (zoo / "backbones").mkdir(parents=True)
    (zoo / "datasets").mkdir()
    card = CARD.format(path=preset, params=backbone.count_params(), words=len(words))
    (zoo / "backbones" / "tiny_text.toml").write_text(card)


def write_strings(zoo: Path) -> None:
    """Writes a network that takes strings, a bag of words and two layers in a `.keras` file, and its card."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(5)
    words = [word for word in vocabulary()[57:] if word.isalpha()]
    texts = keras.Input((), dtype="string", name="texts")
    bag = keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=words, name="bag")(texts)
    hidden = keras.layers.Dense(32, activation="tanh", name="hidden")(bag)
    network = keras.Model(texts, keras.layers.Dense(16, name="top")(hidden), name="tiny_strings")
    kernel = network.get_layer("hidden").kernel
    known = np.pad(_topics(words), [(0, 0), (0, 29)])
    # Row 0 is for words that are not among them.
    kernel.assign(np.asarray(kernel) * 0.1 + np.pad(known, [(1, 0), (0, 0)]) * 0.3)
    network.save(zoo / "strings.keras")
    card = STRINGS_CARD.format(path=zoo / "strings.keras", params=network.count_params())
    (zoo / "backbones" / "tiny_strings.toml").write_text(card)


def _topics(words: list[str]) -> list[list[float]]:
    """Returns how much more often than the others each topic says a word, (n, 3)."""
    said = [
        Counter(word for line in topic.splitlines() for word in _words(line))
        for topic in (COOKING, FOOTBALL, GARDEN)
    ]
    return [[(topic[word] - sum(each[word] for each in said) / 3) * 2 for topic in said] for word in words]


def write_corpus(path: Path) -> Path:
    """Writes the corpus as a table with the columns text and label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *CORPUS])
    return path
