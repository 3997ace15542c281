"""Graphs of captions as people write them, by construction."""

import pytest

from alignops.text import parse_captions

# Caption, its entities in reading order, its relations as "subject > predicate > object".
CAPTIONS = [
    # A verb and its object.
    ("A man rides a brown horse .", "man, brown horse", "man > rides > horse"),
    (
        "A man holding a ball while standing next to a gate.",
        "man, ball, gate",
        "man > holding > ball, man > standing next to > gate",
    ),
    (
        "Three men are setting up a sledge on a snowy plain .",
        "men, sledge, snowy plain",
        "men > setting up > sledge, men > on > plain",
    ),
    # A verb and a preposition.
    (
        "A white Ecohopper bus driving down a street.",
        "white ecohopper bus, street",
        "ecohopper bus > driving down > street",
    ),
    (
        "A boy is jumping from a body board into the ocean .",
        "boy, body board, ocean",
        "boy > jumping from > body board, boy > jumping into > ocean",
    ),
    ("A dog jumping out from under a table.", "dog, table", "dog > jumping out from under > table"),
    # A preposition alone.
    (
        'A clock on a building next to a building with a "Bart" logo.',
        "clock, building, building, bart logo",
        "clock > on > building, building > next to > building, building > with > bart logo",
    ),
    ("a salad is next to a fork", "salad, fork", "salad > next to > fork"),
    (
        "Large dog in front of a tall red brick wall",
        "large dog, tall red brick wall",
        "dog > in front of > brick wall",
    ),
    # The place of the object, and the place of the subject.
    (
        "The large dog is holding a rope in its mouth.",
        "large dog, rope, mouth",
        "dog > holding > rope, rope > in > mouth",
    ),
    (
        "A wet black dog is carrying a green toy through the grass .",
        "wet black dog, green toy, grass",
        "dog > carrying > toy, dog > through > grass",
    ),
    # Copulas that join nothing, and those before a preposition.
    ("The dog is brown and the cat was black .", "brown dog, black cat", ""),
    ("A bench is in front of a tree", "bench, tree", "bench > in front of > tree"),
    # Passives.
    ("A cake is being cut by two boys", "cake, boys", "cake > cut by > boys"),
    ("A horse led by a woman .", "horse, woman", "horse > led by > woman"),
    ("a train covered with heavy snow", "train, heavy snow", "train > covered with > snow"),
    # Order.
    (
        "There is a woman holding her baby daughter.",
        "woman, baby daughter",
        "woman > holding > baby daughter",
    ),
    ("In front of the house is a tall tree.", "house, tall tree", "tree > in front of > house"),
    # Clauses.
    (
        "The black dog that is chasing a cat has a red collar.",
        "black dog, cat, red collar",
        "dog > chasing > cat, dog > has > collar",
    ),
    ("a girl who wears a hat", "girl, hat", "girl > wears > hat"),
    (
        "Two women that are sitting at a table are eating pizza",
        "women, table, pizza",
        "women > sitting at > table, women > eating > pizza",
    ),
    # A participle after a garment describes the wearer.
    (
        "A woman in sunglasses sitting in a chair",
        "woman, sunglasses, chair",
        "woman > in > sunglasses, woman > sitting in > chair",
    ),
    ("A tie hanging on a door", "tie, door", "tie > hanging on > door"),
    # Pronouns.
    ("A bench with a book on it", "bench, book", "bench > with > book, book > on > bench"),
    (
        "A bowl that has tomatoes in it",
        "bowl, tomatoes",
        "bowl > has > tomatoes, tomatoes > in > bowl",
    ),
    (
        "A woman smiles as she stands on a hill.",
        "woman, hill",
        "woman > stands on > hill",
    ),
    ("Someone is holding a phone.", "phone", ""),
    ("A little boy tries to catch a ball .", "little boy, ball", "boy > catch > ball"),
    # Coordination.
    (
        "A man and woman standing over a dinner table.",
        "man, woman, dinner table",
        "man > standing over > dinner table, woman > standing over > dinner table",
    ),
    ("A man and a dog on a small boat.", "man, dog, small boat", "dog > on > boat"),
    (
        "The young man with the white t-shirt and jeans is rappeling up the rock wall .",
        "young man, white t-shirt, jeans, rock wall",
        "man > with > t-shirt, man > with > jeans, man > rappeling up > rock wall",
    ),
    (
        "Plums and bananas are in a glass bowl.",
        "plums, bananas, glass bowl",
        "plums > in > glass bowl, bananas > in > glass bowl",
    ),
    (
        "Modern looking bathroom with a bathtub, shower and toilet",
        "modern bathroom, bathtub, shower, toilet",
        "bathroom > with > bathtub, bathroom > with > shower, bathroom > with > toilet",
    ),
    (
        "a man and a woman riding bikes",
        "man, woman, bikes",
        "man > riding > bikes, woman > riding > bikes",
    ),
    (
        "a building with a green door and graffiti",
        "building, green door, graffiti",
        "building > with > door, building > with > graffiti",
    ),
    (
        "A man with glasses and a woman in a dress",
        "man, glasses, woman, dress",
        "man > with > glasses, woman > in > dress",
    ),
    ("men in red and blue shirts", "men, red blue shirts", "men > in > shirts"),
    # Denied things are absent.
    ("a room with no people", "room", ""),
    ("a street without cars", "street", ""),
    ("no cars are parked on the street", "street", ""),
    ("There are no people on the beach.", "beach", ""),
    ("A bench with nobody on it", "bench", ""),
    ("a room with a bed and no pillows", "room, bed", "room > with > bed"),
    ("a room with no furniture or people", "room", ""),
    ("A dog without a collar or leash on a beach", "dog, beach", "dog > on > beach"),
    ("A man not wearing a hat", "man", ""),
    ("The man isn't wearing a hat.", "man", ""),
    ("A man who is not looking at the camera", "man, camera", ""),
    ("A man neither wearing a hat nor holding a bag", "man", ""),
    ("A man walks a dog without holding the leash", "man, dog, leash", "man > walks > dog"),
    (
        "A man is riding a bike but not holding the handlebars.",
        "man, bike, handlebars",
        "man > riding > bike",
    ),
    (
        "A man is not wearing a hat and is holding a bag.",
        "man, bag",
        "man > holding > bag",
    ),
    ("The dog is not brown.", "dog", ""),
    (
        "A man eats a banana instead of pastries",
        "man, banana",
        "man > eats > banana",
    ),
    # Quantities and pictures stand for their content.
    ("A group of seven people in a green boat .", "people, green boat", "people > in > boat"),
    ("A close up of a plate of food.", "plate, food", "plate > of > food"),
    (
        "a person leaning on a bunch of oranges and apples",
        "person, oranges, apples",
        "person > leaning on > oranges, person > leaning on > apples",
    ),
    # Attributes.
    (
        "A black and white dog is rinsed off with soap.",
        "black white dog, soap",
        "dog > rinsed off with > soap",
    ),
    (
        "The ball that the boy is holding is red and very big.",
        "red big ball, boy",
        "boy > holding > ball",
    ),
    ("A light blue truck and a dark green car.", "light blue truck, dark green car", ""),
    (
        "Several brightly colored kites over snow capped mountains.",
        "brightly colored kites, snow capped mountains",
        "kites > over > mountains",
    ),
    (
        "Some children playing in a pit full of colorful balls",
        "children, pit, colorful balls",
        "children > playing in > pit, pit > full of > balls",
    ),
    # Names of several words.
    (
        "A fire hydrant and a teddy bear next to a hot dog",
        "fire hydrant, teddy bear, hot dog",
        "teddy bear > next to > hot dog",
    ),
    (
        "Man in a blue tank top on a bench",
        "man, blue tank top, bench",
        "man > in > tank top, tank top > on > bench",
    ),
    ("cars near a no parking sign", "cars, no parking sign", "cars > near > no parking sign"),
    (
        "A street sign is above a do not enter sign.",
        "street sign, do not enter sign",
        "street sign > above > do not enter sign",
    ),
    # Possession.
    (
        "The girl's red bike leans against the wall.",
        "girl, red bike, wall",
        "bike > of > girl, bike > leans against > wall",
    ),
    # Verbs that the parser takes for nouns.
    ("A black dog leaps over a log .", "black dog, log", "dog > leaps over > log"),
    (
        "A girl in a blue dress walks through a crowd of people .",
        "girl, blue dress, people",
        "girl > in > dress, girl > walks through > people",
    ),
    (
        "A boy wearing a red shirt runs along a beach .",
        "boy, red shirt, beach",
        "boy > wearing > shirt, boy > runs along > beach",
    ),
    (
        "A girl in a polka dot dress singing into a microphone .",
        "girl, polka dot dress, microphone",
        "girl > in > polka dot dress, girl > singing into > microphone",
    ),
    ("A zebra standing in a grassy field.", "zebra, grassy field", "zebra > standing in > field"),
    ("A man rock climbing in the forest .", "man, forest", "man > rock climbing in > forest"),
    # Nothing to relate, and capitals.
    ("A kayaker paddles.", "kayaker", ""),
    ("A WOMAN HOLDING A TENNIS RACKET", "woman, tennis racket", "woman > holding > tennis racket"),
]


@pytest.mark.parametrize(("caption", "entities", "relations"), CAPTIONS)
def test_caption(caption, entities, relations):
    [graph] = parse_captions([caption])
    found = [
        " > ".join((graph.entities[r.subject].noun, r.predicate, graph.entities[r.object].noun))
        for r in graph.relations
    ]
    assert ", ".join(entity.phrase for entity in graph.entities) == entities
    assert sorted(found) == sorted(relations.split(", ") if relations else [])


@pytest.mark.parametrize(
    ("caption", "counts"),
    [
        ("two dogs on a couch", [("dogs", 2), ("couch", None)]),
        ("One man with 12 horses", [("man", 1), ("horses", 12)]),
        ("A group of seven people", [("people", 7)]),
        ("a couple of women eat a dozen donuts", [("women", 2), ("donuts", 12)]),
        ("a bunch of bananas and several apples", [("bananas", None), ("apples", None)]),
        ("A herd of twenty five sheep", [("sheep", None)]),
    ],
)
def test_count(caption, counts):
    [graph] = parse_captions([caption])
    assert [(entity.noun, entity.count) for entity in graph.entities] == counts
