#!/usr/bin/env python3
"""Makes nouns.txt: names of what pictures show, as labels of a picture, from WordNet 3.0 and a list of people, scenes and weather here.

    make_nouns.py /usr/share/wordnet > nouns.txt

A noun is taken whose most frequent sense is an animal, an artifact, food, a place, a natural object or a plant (lexicographer files 05,
06, 13, 15, 17, 20), which was tagged at least twice in WordNet's corpus (cntlist.rev), and which stands first in its synset. Of
persons and parts of the body WordNet has names that nobody should be called by, so theirs stand here.
"""
import sys

from make_socratic_objects import counts, synsets

SEEN, LEAST = {"05", "06", "13", "15", "17", "20"}, 2
MORE = """
actor actress artist astronaut athlete baby ballerina band boy bride builder businessman carpenter chef child clown couple cowboy crowd
cyclist dancer doctor driver family fan farmer firefighter fisherman girl groom gymnast hunter king knight man mechanic model monk musician
nurse painter passenger pedestrian people person photographer pilot player police officer politician priest prince princess queen runner sailor
scientist sculptor singer skateboarder skater skier soldier student surfer swimmer teacher team toddler tourist woman worker
arm beard ear eye face finger foot hair hand head leg mouth nose smile tattoo tooth
award ceremony award show birthday carnival competition concert conference dance exhibition fashion show fight fire game graduation holiday meeting
match parade party performance picnic press conference protest race show sport wedding
cloud dawn dusk fog ice lightning moon night rain rainbow reflection shadow sky smoke snow star storm summer sun sunlight sunrise sunset water wave
wind winter
baseball basketball boxing cricket football golf hockey rugby soccer tennis volleyball
black white red green blue yellow orange pink purple brown grey gold silver wood metal glass paper leather
pattern texture background silhouette illustration cartoon drawing painting photograph poster graffiti logo map chart icon vector
""".strip().split("\n")
PHRASES = ["police officer", "award ceremony", "award show", "fashion show", "press conference"]


def more():
    for line in MORE:
        for phrase in PHRASES:
            line = line.replace(phrase, phrase.replace(" ", "_"))
        yield from (word.replace("_", " ") for word in line.split())


def main(folder):
    tagged, lexicographer = counts(folder), synsets(folder)
    names = set(more())
    with open(f"{folder}/index.noun", encoding="ascii") as file:
        for line in file:
            if line[0] == " ":
                continue
            cells = line.split()
            lemma = cells[0]
            kind, head = lexicographer[cells[-int(cells[2])]]  # offsets stand in the order of frequency
            plain = len(lemma) > 2 and all(c.isalpha() or c in "_-" for c in lemma)
            if kind in SEEN and tagged.get(lemma, {}).get(1, 0) >= LEAST and head == lemma and plain:
                names.add(lemma.replace("_", " "))
    print("""# Labels of pictures: the twenty of these nouns that a picture is nearest to, for Conceptual Captions' rule that a word of the text is one.
# Made by make_nouns.py, in part from WordNet 3.0, Copyright 2006 by Princeton University.
list nouns
take 20
template a photo of a {}.""")
    for name in sorted(names):
        print("class", name)


if __name__ == "__main__":
    main(*sys.argv[1:])
