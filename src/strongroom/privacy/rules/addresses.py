"""Street addresses, boxes and parts of buildings, as some thirty countries write them.

Addresses stay the weakest type of all, here as elsewhere: `bench/privacy` prints by how much.
"""

from __future__ import annotations

from typing import Final

from strongroom.privacy.rules.base import LIKELY, PERHAPS, SURE, shape
from strongroom.privacy.rules.dates import STATES

_WORD: Final = r"[A-Z0-9\x01][A-Za-z0-9'.\x01-]*"
_EN: Final = (
    r"(?i:street|st|avenue|ave?|road|rd|boulevard|blvd|lane|ln|drive|drv?|court|ct|place|pl|square|sq|terrace|ter|trail|trl|parkway|pkwy|circle|cir|"
    r"highway|hwy|alley|crescent|cres|close|gardens|grove|mews|route|rte|plaza|expressway|turnpike|crossing|pike)"
)
# Words that streets end in and much else does too: only behind a number of three digits.
_WEAK: Final = (
    r"(?:Way|Loop|Row|Walk|Path|Run|Ridge|Hills?|Mount|Mountains?|Islands?|Lakes?|Meadows?|Mills?|Creek|Falls?|Fields?|Ford|Forest|Forks?|Fort|Garden|"
    r"Gateway|Glens?|Greens?|Groves|Harbors?|Haven|Heights|Hollow|Inlet|Junctions?|Keys?|Knolls?|Landing|Lights?|Lodge|Manors?|Mall|Motorway|Neck|"
    r"Orchard|Oval|Parks?|Pass|Passage|Pines?|Plains?|Points?|Ports?|Prairie|Radial|Ramp|Ranch|Rapids?|Rest|Rivers?|Shoals?|Shores?|Skyway|Springs?|"
    r"Spurs?|Squares|Station|Stravenue|Streets|Stream|Summit|Throughway|Trace|Track|Trafficway|Tunnel|Underpass|Unions?|Valleys?|Via|Viaduct|Views?|"
    r"Villages?|Ville|Vista|Walks|Ways|Wells?|Camp|Cape|Center|Centers|Cliffs?|Club|Common|Corners?|Course|Courts|Coves?|Crest|Crossroad|Curve|Dale|Dam|"
    r"Divide|Drives|Estates?|Extensions?|Ferry|Flats?|Freeway|Isle|Lock|Locks|Roads|Shoal|Spring|Burgs?|Bypass|Bluffs?|Bend|Bottom|Branch|Bridge|Brooks?|Beach|Bayou)"
)
_UNIT: Final = r"(?i:apt|apartment|suite|ste|unit|flat|room|rm|floor|fl|bldg|building|lot|#)"
_TAIL: Final = rf"(?:,?\s{{1,2}}{_UNIT}\.? ?#?[A-Za-z0-9-]{{1,6}})?"
_CITY: Final = rf"(?:,?\s{{1,2}}[A-Z\x01][A-Za-z.'\x01 -]{{2,24}},?\s{{1,2}}(?:{STATES})\s{{1,2}}\d{{5}}(?:-\d{{4}})?)?"
_ROMANCE: Final = (
    r"(?:Pasaje|Privada|Andador|Cerrada|Circuito|Retorno|Prolongacion|Calzada|Periferico|Ampliacion|Rotonda|Stretto|Esplanada|Loteamento|Nucleo|"
    r"Parque|Ladeira|Rodovia|Beco|Condominio|Residencial|Conjunto|Aleea|Bulevardul|Soseaua|Drumul|Intrarea|Calea|Splaiul|Jalan|Jl\.|Jln\.|Gang|Gg\.|"
    r"chemin|rue|plac|aleja|osiedle|Rua|Rue|Calle|Cl|C/|Via|Viale|Vicolo|Piazza|Corso|Largo|Strada|Avenida|Avda?\.?|Avenue|Boulevard|Bd|Plaza|Pza|Place|Praca|Travessa|Carrer|"
    r"Camino|Paseo|Ronda|Chemin|Impasse|Allee|Quai|Cours|Route|Estrada|Alameda|Glorieta|Urbanizacion|Callejon|Contrada|Lungomare|Borgo|"
    r"ul\.|ulica|Ulica|al\.|os\.|pl\.|Ulitsa|ul)"
)
# Which part of a building, behind its number.
_PARTS: Final = r"(?:[ ,]{1,3}(?:Edif|Depto|Dpto|Piano|Appartamento|Interior|Int|Bl|Sc|Et|Ap|Apto|Esc|Puerta|Piso|Bloco|Lote)\.? ?\d{1,4}[A-Z]?\b){0,4}"
_SMALL: Final = r"(?:(?:de|da|do|dos|das|del|della|delle|dei|di|la|le|les|des|du|los|las|al|el|y|e|et|sv|sw)\b ?|[dl]')"
_GERMANIC: Final = (
    r"(?:strase|strasse|strabe|str\.|straat|weg|platz|plein|allee|gasse|gracht|kade|laan|damm|ufer|ring|graben|steig|stieg|hof|berg|"
    r"stigen|svingen|haugen|bakken|asen|lien|liden|baan|boulevard|dreef|singel|markt|steeg|gatan|gata|gate|gaten|vagen|vag|grand|torget|vej|gade|vang|alle|stræde|strade|vei|veien|veg|katu|tie|kuja|polku|raitti|puisto|rinne|maki|tanav|maantee|mnt)"
)
_SPACED: Final = r"(?:utca|u\.|ut|utja|ter|tere|korut|fasor|sor|koz|ulica|ulice|ul\.|trg|cesta|namesti|nam\.|trida|tr\.|naberezi|straat|Strasse|Str\.|Weg|Platz|Allee|Gasse|iela|g\.|pr\.|tn|tee|mnt|pst|puiestee|odos|Sokak|Sok\.|Cad\.|Caddesi)"
RULES: Final = (
    shape(
        "street_address",
        "a number, a name and a word for a street",
        (
            r"\d[a-z]?,? .{1,40}(?:st|ave?|road|rd|boulevard|blvd|ln|lane|dr|ct|court|pl|way|sq|square|ter|trl|pkwy|cir|hwy|[a-z]{3,})\b",
        ),
        rf"\b\d{{1,6}}[A-Za-z]?(?:[-/]\d{{1,5}})?,? (?:[NSEW]{{1,2}}\.? |(?:North|South|East|West) )?(?:{_WORD} ){{1,4}}{_EN}\b\.?(?: (?:N|S|E|W|NE|NW|SE|SW)\b\.?)?{_TAIL}{_CITY}",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a number of three digits, a name and a word for a place",
        (r"\d{3}[a-z]?,? [a-z\x01]",),
        rf"\b\d{{3,6}}[A-Za-z]?,? (?:{_WORD} ){{1,3}}{_WEAK}\b{_TAIL}{_CITY}",
        confidence=PERHAPS,
        again=False,
    ),
    shape(
        "street_address",
        "a word for a street, a name and a number",
        (
            r"(?:pasaje|priv|anda|cerr|circ|reto|prol|calz|peri|ampl|roto|stret|espl|lote|nucl|parq|ladei|rodov|beco|cond|resi|conj|alee|bulev|sose|drum|intr|cale|splai|jalan|jl|gang|gg\.|plac|aleja|osied|rua|rue|calle|\bcl\b|c/|via|viale|vicolo|piazza|corso|largo|strada|av|boulevard|\bbd\b|pla|pra|pza|trav|carr|cami|paseo|ronda|chem|imp|all|quai|cours|route|estr|alam|glor|urba|cont|lung|borgo|ul|\bal\.|\bos\.|\bpl\.)",
        ),
        rf"\b{_ROMANCE} {_SMALL}{{0,3}}{_WORD}(?: {_SMALL}{{0,3}}{_WORD}){{0,4}},? ?(?:[Nn][o\x02]?\.? ?|[Nn]r\.? ?|[Nn]um\.? ?)?\d{{1,5}}(?: ?[A-Za-z]\b)?(?:[-/]\d{{1,4}})?(?:[ ,]{{1,2}}\d{{1,2}}\x02)?{_PARTS}",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a number, then a word for a street and a name",
        (r"\d,? ?(?:bis|ter)?,? (?:rue|avenue|boulevard|place|chemin|impasse|allee|quai|cours|route|bd|av)",),
        rf"\b\d{{1,4}}(?: ?(?:bis|ter|[A-D]))?,? (?i:rue|avenue|boulevard|bd|av|place|chemin|impasse|allee|quai|cours|route|square|passage) {_SMALL}{{0,3}}{_WORD}(?:[ -]{_SMALL}{{0,2}}{_WORD}){{0,3}}",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a street's name that ends in a word for a street, and a number",
        (rf"[a-z\x01]{_GERMANIC}[a-z\x01]{{0,2}} \d",),
        rf"\b(?:\d{{1,5}} )?(?:{_WORD}[ -]){{0,2}}[A-Z\x01][A-Za-z\x01-]{{2,}}{_GERMANIC}[a-z]{{0,2}} \d{{1,4}}(?: ?[a-zA-Z]\b)?(?:[-/]\d{{1,4}})?{_TAIL}",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a name, a word for a street and a number",
        (
            r"[a-z\x01] (?:utca|u\.|ut|utja|tere?|korut|fasor|sor|koz|ulic|ul\.|trg|cesta|nam|trida|tr\.|nab|straat|str|weg|platz|allee|gasse|iela|g\.|pr\.|tn|tee|mnt|pst|pui|odos|sok|cad)[a-z.]{0,8} \d",
        ),
        rf"\b{_WORD}(?: {_WORD}|(?: [a-z\x01]+)){{0,2}} (?:{_SPACED}|Nam\.),? \d{{1,4}}\.?(?: ?[a-zA-Z]\b)?(?:[-/]\d{{1,4}})?",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a post office box",
        (r"box \d", r"\b[afd]po\b", r"postfach", r"apartado"),
        r"\b(?:(?i:p\.? ?o\.? ?box|post(?:al)? (?:office )?box|postfach|apartado(?: postal)?|boite postale) ?#?\d{1,6}|(?:PSC|CMR|Unit|RR|HC)\.? \d{1,5},? Box \d{1,5}(?:,?\s{1,2}(?:[AFD]PO) A[AEP] \d{5})?|(?:USS|USNS|USNV|USCGC) [A-Z][a-z]+(?:,?\s{1,2}[AFD]PO A[AEP] \d{5})?|[AFD]PO A[AEP] \d{5})",
        confidence=SURE,
        again=False,
    ),
    shape(
        "street_address",
        "a street and its crossing, by numbers",
        (r"\d ?[a-z\x01\x02]{0,4} ?# ?\d{1,3} ?[a-z]{0,2} ?-", r"(?:norte|sur|este|oeste) # ?\d"),
        r"\b(?:Carrera|Cra|Cr|Kra|Kr|Calle|Cl|Diagonal|Dg|Diag|Transversal|Transv|Tv|Tr|Avenida|Av|Ak|Ac|Autopista)\.? \d{1,3}[A-Z\x02\x01]{0,2}(?: (?:Bis|Sur|Norte|Este|Oeste)){0,2} ?# ?\d{1,3} ?[A-Z]{0,2} ?- ?\d{1,3}(?: (?:Sur|Norte|Este|Oeste))?\b",
        confidence=SURE,
        again=False,
    ),
    shape(
        "street_address",
        "a part of a building, a name and a word for a street",
        (r"\b(?:studio|flat|apt|apartment|unit|suite|level)\.? \d{1,4}[a-z]?,? ",),
        rf"\b(?:Studio|Flat|Apt|Apartment|Unit|Suite|Level)\.? \d{{1,4}}[A-Za-z]?,? (?:\d{{1,5}} )?(?:{_WORD} ){{1,3}}(?:{_EN}|{_WEAK})s?\b",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "a house's number and a name",
        (r"\bh\.? ?no\.? ?\d", r"\bhouse no\.? ?\d"),
        rf"\b(?:H\.? ?No|House No)\.? ?\d{{1,4}}(?:[-/]\d{{1,4}})?(?:,? {_WORD}){{0,3}}",
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "street_address",
        "part of a building",
        (r"(?:apt|apartment|suite|ste|flat|room|unit)\.? ?#?\d",),
        r"\b(?:Apt|APT|Apartment|Suite|SUITE|Ste|STE|Flat|Room|Unit)\.? ?#?\d{1,5}[A-Za-z]?\b",
        confidence=PERHAPS,
    ),
    shape(
        "street_address",
        "an address, by cue",
        (
            r"\baddress",
            r"\blives? (?:at|in)",
            r"\bresid",
            r"\bstreet[\"']? ?[:=|>]",
            r"adresse",
            r"direccion",
            r"indirizzo",
            r"strasse[\"']? ?[:=|>]",
        ),
        rf"(?i:address(?:[a-z ]{{0,20}})?[\"']? ?(?:is|:|=|\||>)|\b(?:street|strasse)[\"']? ?(?::|=|\||>)|lives? at|resid(?:es|ing) at|adresse|direccion|indirizzo)[ \t\"':]{{1,3}}(\d{{1,6}} {_WORD}(?:[ ,]{{1,2}}{_WORD}){{0,8}}|{_WORD}(?: {_WORD}){{0,4}},? \d{{1,6}}[A-Za-z]?)\b",
        group=1,
        confidence=PERHAPS,
        again=False,
    ),
)
