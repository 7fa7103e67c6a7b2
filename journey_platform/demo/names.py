"""Names of the demo company's people and companies, and their jobs: our own lists, in several scripts."""

_FIRST_NAMES = """
Anna Bram Chloé Daan Emma Femke Gijs Hanna Ibrahim Jasmijn Kees Lotte Mees Noor Oscar Pien Quinten Ruben
Sanne Thijs Ursula Vera Willem Xander Yara Zoë Ahmed Björn Çağla Dirk Elif Finn Greta Hugo Inês José
Karin Lars Maud Nils Olga Pavel Rosa Søren Tess Umar Viktor Wies Youssef Zeynep أمل דנה
"""
_LAST_NAMES = """
Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Dijkstra Smeets Kok Jacobs
Vermeulen Schouten Willems Hoekstra Koster Prins Huisman Peeters Maes Claes Wouters Janssens Martens
Müller Schmidt Weber Wagner Becker Schäfer Koch Richter Klein Wolf Dubois Moreau Laurent Girard Yılmaz
Öztürk Nowak Kowalska O'Neill Smith-Jones García Łuczak Ferreira Haddad
"""
_COMPANY_WORDS = """
Amstel Delta Eik Fjord Grutto Haven Iris Kade Linde Meer Noord Oever Polder Rijn Sluis Tij
"""
_COMPANY_KINDS = """
Logistics Foods Media Care Energy Studio Works Trade
"""

FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())
COMPANY_WORDS = tuple(_COMPANY_WORDS.split())
COMPANY_KINDS = tuple(_COMPANY_KINDS.split())
JOB_TITLES = (
    "Planner",
    "Head of Operations",
    "Procurement Manager",
    "Data Analyst",
    "IT Administrator",
    "Coordinator",
    "CFO",
)


def domain_of(company: str) -> str:
    """The mail domain of a company."""
    return f"{company.lower().replace(' ', '-')}.example"
