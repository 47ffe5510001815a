"""TDDUI 1.1 documents (CDA R2) of invented people, in the form of the public sample (§4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INS = "1.2.250.1.213.1.4.8"
FHIR = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/"


def structure(finess: str | None) -> str:
    """Who is responsible for a séjour or an event."""
    numero = f'root="1.2.250.1.71.4.2.2" extension="1{finess}"' if finess else 'nullFlavor="NA"'
    return f"""<participant typeCode="RESP"><participantRole>
      <scopingEntity classCode="ENT" determinerCode="INSTANCE"><id {numero}/><desc>Les Chênes</desc></scopingEntity>
    </participantRole></participant>"""


def maj(moment: str) -> str:
    """A « date de dernière mise à jour »."""
    return f"""<entryRelationship typeCode="COMP" inversionInd="false"><observation classCode="OBS" moodCode="EVN">
      <templateId root="1.2.250.1.213.1.1.3.48"/><id root="A67475FC-CFEA-4875-8F57-C7BF1399B56B"/>
      <code code="106177-9" displayName="Date de dernière mise à jour" codeSystem="2.16.840.1.113883.6.1"/>
      <statusCode code="completed"/><value xsi:type="TS" value="{moment}"/>
    </observation></entryRelationship>"""


def statut(code: str, quand: str = "") -> str:
    date = f'<effectiveTime value="{quand}"/>' if quand else ""
    return f"""<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">
      <templateId root="1.2.250.1.213.1.1.3.48"/><templateId root="1.2.250.1.213.1.1.3.217"/>
      <code code="106199-3" displayName="Statut"/>{date}<value xsi:type="CD" code="{code}"/>
    </observation></entryRelationship>"""


@dataclass(frozen=True)
class Sejour:
    """`entree` and `sortie` are modalités (the latter with its mood), `admission` is the date of the encounter."""

    numero: str
    finess: str | None = None
    admission: str = "20250601"
    entree: str = ""
    sortie: str = ""
    humeur: str = "EVN"
    etat: str = "completed"
    sans_structure: bool = False

    def xml(self) -> str:
        modalites = "".join(
            f"""<component><observation classCode="OBS" moodCode="{humeur}">
              <templateId root="1.2.250.1.213.1.1.3.48.{modele}"/><effectiveTime value="{date}"/>
            </observation></component>"""
            for modele, date, humeur in ((6, self.entree, "EVN"), (7, self.sortie, self.humeur))
            if date
        )
        return f"""<entry><organizer classCode="CLUSTER" moodCode="EVN">
          <templateId root="1.2.250.1.213.1.1.3.219"/><id root="4BD46D02-8CCF-11EF-B864-0242AC120002"/>
          <statusCode code="{self.etat}"/><effectiveTime nullFlavor="NA"/>
          <component><encounter classCode="ENC" moodCode="EVN">
            <templateId root="1.2.250.1.213.1.1.3.218"/><id root="1.2.250.2345" extension="{self.numero}"/>
            <effectiveTime value="{self.admission}"/>{"" if self.sans_structure else structure(self.finess)}
          </encounter></component>{modalites}
        </organizer></entry>"""


@dataclass(frozen=True)
class Evenement:
    numero: str
    debut: str = "20260310103000+0100"
    finess: str = ""
    autres: str = ""

    def xml(self) -> str:
        return f"""<entry><encounter classCode="ENC" moodCode="EVN">
          <templateId root="2.16.840.1.113883.10.20.1.21"/><templateId root="1.2.250.1.213.1.1.3.215"/>
          <id root="1.2.250.2345" extension="{self.numero}"/>
          <code code="GEN-367" displayName="Agenda de l'usager"/><text><reference value="#evenement"/></text>
          <effectiveTime><low value="{self.debut}"/><high value="{self.debut}"/></effectiveTime>
          <performer typeCode="PRF"><assignedEntity><representedOrganization>
            <id root="1.2.250.1.71.4.2.2" extension="1999999999"/></representedOrganization></assignedEntity></performer>
          {structure(self.finess) if self.finess else ""}{self.autres}
        </encounter></entry>"""


def document(
    *entrees: Sejour | Evenement,
    numeros: Sequence[tuple[str, str]] = ((INS, "147720425367411"),),
    gestionnaire: str = "970400024",
    prologue: str = '<?xml version="1.0" encoding="UTF-8"?>',
    narration: str = "",
    export: str = '<code code="EXPORT_DUI" codeSystem="1.2.250.1.213.1.1.4.12"/>',
) -> bytes:
    """The document of one person. `numeros`: root and extension of the identifiers of the person."""
    identifiants = "".join(f'<id root="{racine}" extension="{numero}"/>' for racine, numero in numeros)
    return f"""{prologue}
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc">
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <id root="1.2.250.2345.3245.13.58130.1"/>
  {export}
  <effectiveTime value="20260402111500+0200"/>
  <recordTarget>
    <patientRole>{identifiants}<patient><name><family>EXEMPLE</family></name>
    <sdtc:id root="1.2.250.1.213.1.4.9" extension="d'un autre vocabulaire"/></patient></patientRole>
  </recordTarget>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="1{gestionnaire}"/><name>Les Chênes</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <component><structuredBody><component><section>
    <templateId root="1.2.250.1.213.1.1.2.249"/><title>Dossier</title><text>{narration}</text>
{chr(10).join(entree.xml() for entree in entrees)}
  </section></component></structuredBody></component>
</ClinicalDocument>
""".encode()
