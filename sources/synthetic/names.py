"""Names and zones of made-up members; none of them is meant to be anybody."""

from __future__ import annotations

JA_NAMES = (
    "あおい", "ひなた", "そら豆", "みかん", "ゆず茶", "こむぎ", "たぬき課長", "北の窓辺", "まめしば",
    "さくらもち", "雨のち晴れ", "つばめ", "かぼす", "しろくま", "おにぎり", "とまと", "はなこ", "けんた",
    "りょう", "まゆ", "ひろし", "よしえ", "さとる", "のりこ", "ともや", "ちひろ", "なおき", "みさき",
    "だいすけ", "ゆうこ", "夜更かし猫", "週末カメラ", "ベランダ菜園", "格安生活", "電波さがし", "港の人",
    "三丁目の電池", "ことり", "すずらん", "いなか暮らし", "むぎわら", "あんず", "もなか", "ほたる",
)  # fmt: skip
EN_NAMES = (
    "Alder", "Bess", "Calum", "Dora", "Edwin", "Fern", "Gus", "Hattie", "Ivo", "Juno", "Kit",
    "Lowell", "Maisie", "Ned", "Orla", "Perry", "Quill", "Rosie", "Sol", "Tess", "Una", "Vern",
    "Wren", "Yara", "Zeb", "Marlow", "Pippa", "Rufus", "Saffron", "Thea", "Bram", "Clover",
)  # fmt: skip
HANDLES = (
    "sora", "kumo", "mame", "pixel", "signal", "hoshi", "neko", "taro", "river", "bento", "roam",
    "leaf", "photon", "antenna", "mugi", "umi", "shutter", "pocket", "tanuki", "maple",
)  # fmt: skip
EN_ZONES = (
    "Europe/London", "America/New_York", "America/Los_Angeles", "Australia/Sydney",
    "Asia/Singapore", "Europe/Berlin",
)  # fmt: skip
