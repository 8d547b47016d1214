"""Names of people and companies that look like those of a real customer list."""

from __future__ import annotations

from random import Random

FIRST = """
Ada Alan Amelia Anders Anna Arjun Astrid Ben Björn Camila Carlos Chen Chloé Daniel David Diego Elena Elif Emma Erik
Fatima Felix Fiona Freya Gabriel Giulia Grace Hanna Hassan Hugo Ines Ingrid Isabel Ivan Jakob James Jana João Jonas
Julia Kai Karim Katarina Keiko Lars Laura Lena Leo Liam Linnea Lucas Lucía Luis Maja Marco Maria Marta Mateo Maya Mei
Mia Mohammed Nadia Nils Noah Nora Olga Oliver Omar Paul Pedro Priya Rafael Ravi Rosa Samuel Sara Sofia Stefan Sven Tara
Theo Tomás Uma Valentina Victor Wei Yara Yuki Zoe
""".split()
LAST = """
Adams Ahmed Almeida Andersson Bauer Becker Berg Bergström Bianchi Brown Carter Chen Clark Costa Dahl Davis Delgado
Dubois Edwards Eriksen Evans Fernández Ferrari Fischer Fontaine Garcia Gomez Gonzalez Green Gupta Haas Hansen Hernandez
Hoffmann Holm Hughes Ivanov Jansen Jensen Johansson Johnson Jones Kaya Keller Khan Kim Klein Kowalski Kumar Larsen
Laurent Lee Lehmann Lewis Li Lindgren Lopez Martin Martinez Meyer Miller Moreau Moretti Müller Nakamura Nguyen Nielsen
Novak Olsen Ortiz Park Patel Pereira Petrov Popov Ricci Richter Rivera Robinson Rossi Roux Russo Sato Schmidt Schneider
Silva Singh Smith Sørensen Suzuki Taylor Thomas Tran Turner Vargas Wagner Walker Wang Weber White Wilson Wolf Young
Zhang
""".split()
WORDS = """
Acorn Aether Alpine Amber Anchor Apex Arbor Arc Argent Atlas Aurora Axiom Beacon Birch Blue Bolt Bright Cascade Cedar
Cinder Cirrus Clear Cobalt Compass Copper Coral Crest Crystal Delta Drift Echo Ember Falcon Fern Fjord Flint Forge
Frost Glacier Granite Gravity Harbor Hazel Helix Horizon Indigo Iron Ivory Jade Juniper Kestrel Lark Lattice Linden
Lumen Maple Marble Meridian Mint Mistral Mosaic Nimbus Nova Oak Onyx Opal Orbit Orchard Otter Pebble Pine Pixel Polar
Prism Quartz Quill Raven Reef Ridge River Sable Saffron Sage Salt Signal Silver Slate Solar Spruce Stellar Stone Summit
Swift Tidal Timber Topaz Vector Velvet Verdant Violet Willow Zenith Zephyr
""".split()
TRADES = """
Analytics Apps Bank Biotech Capital Cloud Commerce Computing Consulting Data Design Dynamics Energy Engineering Foods
Freight Games Health Industries Insurance Labs Learning Logistics Maps Media Mobility Motors Networks Partners Payments
Pharma Press Robotics Search Security Shipping Software Studios Supply Systems Travel Ventures Vision Works
""".split()
FORMS = ("GmbH", "Ltd", "Inc.", "SAS", "AB", "BV", "Srl", "AG", "LLC", "Oy")


def person(generator: Random) -> tuple[str, str]:
    """First and last name."""
    return generator.choice(FIRST), generator.choice(LAST)


def company(generator: Random) -> str:
    """Such as ``Cobalt River Logistics GmbH``."""
    words = [generator.choice(WORDS)]
    if generator.random() < 0.4:
        words.append(generator.choice(WORDS))
    return " ".join((*words, generator.choice(TRADES), generator.choice(FORMS)))
