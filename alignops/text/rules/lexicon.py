"""Closed word lists of the rules, all in lower case."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOURS = _words(
    "red green blue yellow purple orange pink brown black white gray grey cyan magenta violet "
    "turquoise teal beige tan maroon gold golden silver"
)
SHADES = _words("dark light bright pale deep")
SIZES = _words("small large big little tiny huge tall short long")

FORMS = _words("square round")

DESCRIPTIONS = COLOURS | SHADES | SIZES | FORMS

# Words tagged as adjectives that describe nothing visible.
COUNTING = _words(
    "many several few other various such own same more most first last next different multiple "
    "looking"
)

# Adverbs that add nothing visible to an adjective.
INTENSIFIERS = _words("very so too quite rather really extremely")

# Nouns that stand for another: "a group of people" is people, "the back of a truck" the truck.
QUANTITIES = _words(
    "group groups couple pair pairs bunch bunches lot lots number variety row rows line herd flock "
    "pack crowd team set sets series type types kind kinds piece pieces slice slices pile stack "
    "dozen dozens hundreds collection assortment picture pictures photo photos photograph image "
    "view shot closeup"
) | {"close up", "close-up"}
PLACES = _words(
    "front back left right top bottom middle center centre side sides background backdrop "
    "foreground distance way time other"
)
TRANSPARENT = QUANTITIES | PLACES

# "A woman in sunglasses sitting": a participle after what is worn is about the wearer.
WORN = _words(
    "apron boots cap clothes clothing coat costume dress glasses gloves goggles hat headphones "
    "helmet hoodie jacket jeans outfit pants robe sandals scarf shirt shirts shoes shorts skirt "
    "socks suit suits sunglasses sweater swimsuit t-shirt tie ties top trousers tuxedo uniform "
    "uniforms vest vests wetsuit wetsuits"
)

WEARING = _words("in with wearing")

# "It" is what the phrase with this word is about: "a desk with a monitor on it".
COMPANY = frozenset({"with", "without"})

# Verbs that add nothing to the preposition after them: "is above", "is located above".
COPULAS = _words("is are was were be been being 's 're located placed positioned situated seen")

# After these verbs a place is the object's, not the subject's: "throws a ball into the water".
DIRECTIONS = frozenset({"to", "into", "onto", "from", "off", "out of", "towards", "toward"})

SINGULAR_DETERMINERS = _words("a an another one this each every")

# "No cars", "neither a hat"; nobody is there; "without a hat".
DENYING_WORDS = _words("no neither nor never")
ABSENT = _words("nobody nothing none")
DENYING_PREPOSITIONS = frozenset({"without", "instead of"})

# A noun after these exists, even if its verb is denied.
DEFINITE = _words("the this that these those his her its their 's")

# Pronouns that are tagged as nouns.
INDEFINITE = _words("someone somebody something anyone anybody anything everyone everybody")

NUMBERS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14},
    **{"fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19},
    **{"twenty": 20, "couple": 2, "dozen": 12},
}

# After a noun these are nouns too; any other word in -ing says what the noun does.
NOUNS_IN_ING = _words(
    "awning bedding boarding building ceiling clothing covering crossing drawing dressing earring "
    "fencing filling flooring frosting glazing icing landing lighting lining opening outing "
    "living painting panelling parking piping railing ring seating setting serving siding spring "
    "stuffing string swing topping wedding wing wording wrapping writing"
)

# Names of two words where the first describes nothing: a hot dog is not a dog that is hot.
NAMES = frozenset(
    {"hot dog", "hot dogs", "polar bear", "polar bears", "teddy bear", "teddy bears"}
    | {"remote control", "remote controls", "french fries", "close up", "double decker", "stir fry"}
    | {"no parking", "no entry", "no smoking", "do not enter"}  # signs
)

# "A man rock climbing" is a man who climbs.
GROUNDS = _words("rock ice mountain kite wind snow water jet body para")
SPORTS = _words("climbing skating surfing sailing skiing boarding gliding")

# Nouns after a colour or a size ("a red cross"), verbs or adjectives elsewhere.
NAMES_OF_SHAPES = _words("cross square")

# Words that are rare in the model's training data, and common ones that behave alike.
LOOK_ALIKES = {
    "zebra": "horse",
    "zebras": "horses",
    "giraffe": "horse",
    "giraffes": "horses",
    "surfboard": "board",
    "skateboard": "board",
    "snowboard": "board",
    "frisbee": "ball",
    "hydrant": "house",
    "no parking": "stop",
    "no entry": "stop",
    "no smoking": "stop",
    "do not enter": "stop",
    "close up": "picture",
    "close-up": "picture",
    "closeup": "picture",
}

# Prepositions of several words, and the predicate that each means.
PREPOSITIONS = {
    "left of": "left of",
    "to left of": "left of",
    "to the left of": "left of",
    "on the left of": "left of",
    "to the left side of": "left of",
    "on the left side of": "left of",
    "right of": "right of",
    "to right of": "right of",
    "to the right of": "right of",
    "on the right of": "right of",
    "to the right side of": "right of",
    "on the right side of": "right of",
    "in front of": "in front of",
    "at the front of": "at the front of",
    "in back of": "behind",
    "at the back of": "at the back of",
    "on the back of": "on the back of",
    "next to": "next to",
    "close to": "close to",
    "near to": "near",
    "on top of": "on top of",
    "on the top of": "on top of",
    "at the top of": "at the top of",
    "at the bottom of": "at the bottom of",
    "in the middle of": "in the middle of",
    "in the center of": "in the middle of",
    "in the centre of": "in the middle of",
    "in between": "between",
    "instead of": "instead of",
    "on the side of": "on the side of",
    "at the side of": "on the side of",
    "by the side of": "on the side of",
    "on the edge of": "on the edge of",
    "at the edge of": "on the edge of",
    "at the end of": "at the end of",
    "inside of": "inside",
    "outside of": "outside",
    "out of": "out of",
    "off of": "off",
    "across from": "across from",
    "away from": "away from",
    "along with": "with",
}
