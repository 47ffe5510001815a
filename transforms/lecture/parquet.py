"""Parquet files as text: types are given by the schema of the table, never by the file."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transforms.lecture.csv import (
    COLONNES_MAX,
    LOT_MAX_CARACTERES,
    LOT_MAX_CELLULES,
    RATIO_JUGE_DES_OCTETS,
    RATIO_MAX,
    est_du_texte,
    reconnaitre,
)
from transforms.lecture.modele import LIGNE, NATIVE, SURPLUS, Feuille, LectureImpossible

LIGNES_MAX = 1_000_000_000
VALEUR_COMPOSEE = "(valeur composée)"

_TAMPON_OCTETS = 1 << 20
_DICTIONNAIRE_OCTETS = 4 << 20
_OCTETS_D_UN_TEXTE = 4  # the length alone of a text written out
_PREMIER_JOUR, _DERNIER_JOUR = date(1, 1, 1), date(9999, 12, 31)
_DEBUT_S, _FIN_S = ((jour - date(1970, 1, 1)).days * 86_400 for jour in (_PREMIER_JOUR, _DERNIER_JOUR))


def lire_parquet(chemin: Path, *, taille_lot: int = 100_000) -> Feuille:
    """Read a Parquet file; `ligne` is the rank of the row + 1, as if a header were line 1.

    Dates become `AAAA-MM-JJ`, timestamps `AAAA-MM-JJTHH:MM:SS[.fff]` with the offset of their time zone when they have
    one, booleans `VRAI`/`FAUX`, whole numbers have no decimals, other numbers their shortest form, NaN is null. Columns
    of lists or records are not decoded: all their cells are `VALEUR_COMPOSEE`.

    Raises `LectureImpossible`, at the call or while the lots are iterated: FICHIER_VIDE, CONTENU_INATTENDU,
    FICHIER_ILLISIBLE, ARCHIVE_DEMESUREE (more than `LIGNES_MAX` rows, or pages that unpack to more than `RATIO_MAX` times
    the size of the file).
    """
    with _ouvrir(chemin) as fichier:
        entetes = tuple(fichier.schema_arrow.names)
    return Feuille(None, entetes, _lots(chemin, len(entetes), taille_lot), ligne_entete=1)


def _lots(chemin: Path, n_colonnes: int, taille_lot: int) -> Iterator[pl.DataFrame]:
    ligne = 2
    with _ouvrir(chemin) as fichier:
        lignes_max = max(1, min(taille_lot, LOT_MAX_CELLULES // n_colonnes, _lignes_par_lot(fichier.metadata)))
        schema = fichier.schema_arrow
        plates = [nom for nom, type_ in zip(schema.names, schema.types, strict=True) if not _est_compose(type_)]
        colonnes = None if len(plates) == n_colonnes else plates
        for paquet in fichier.iter_batches(batch_size=lignes_max, columns=colonnes, use_threads=False):
            if paquet.schema.names != plates:
                raise _illisible("des colonnes composées portent le nom d'autres colonnes")
            paquet.validate(full=True)
            for tranche in _tranches(paquet):
                yield _lot(tranche, schema, ligne)
                ligne += tranche.num_rows


def _lot(tranche: pa.RecordBatch, schema: pa.Schema, ligne: int) -> pl.DataFrame:
    n_lignes = tranche.num_rows
    plates = iter(tranche.columns)
    lot = pl.DataFrame(
        [
            *(
                pl.Series([VALEUR_COMPOSEE], dtype=pl.String).new_from_index(0, n_lignes).alias(f"c{rang}")
                if _est_compose(type_)
                else _texte(next(plates)).alias(f"c{rang}")
                for rang, type_ in enumerate(schema.types)
            ),
            pl.int_range(ligne, ligne + n_lignes, dtype=pl.UInt32, eager=True).alias(LIGNE),
            pl.repeat(False, n_lignes, dtype=pl.Boolean, eager=True).alias(SURPLUS),
        ]
    )
    return lot.hstack(
        [
            lot[f"c{rang}"].is_not_null().alias(f"{NATIVE}c{rang}")
            for rang, type_ in enumerate(schema.types)
            if pa.types.is_date(type_) or pa.types.is_timestamp(type_)
        ]
    )


def _tranches(paquet: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch so that its dictionaries, once written out, do not fill the memory."""
    octets = paquet.nbytes
    for colonne in paquet.columns:
        if pa.types.is_dictionary(colonne.type) and _est_textuel(colonne.type.value_type):
            octets += pc.sum(pc.binary_length(colonne.dictionary).take(colonne.indices)).as_py() or 0
    pas = max(1, paquet.num_rows // (1 + octets // LOT_MAX_CARACTERES))
    for debut in range(0, paquet.num_rows, pas):
        yield paquet.slice(debut, pas)


# ---- the file


@contextmanager
def _ouvrir(chemin: Path) -> Iterator[pq.ParquetFile]:
    """Open by a handle: pyarrow would take a name with `*` for a pattern."""
    with chemin.open("rb") as flux:
        taille = _verifier_nature(flux)
        with _lisible():
            metadonnees = pq.read_metadata(flux)
            _verifier_taille(metadonnees, taille)
            yield pq.ParquetFile(
                flux,
                metadata=metadonnees,
                read_dictionary=_colonnes_repetitives(metadonnees),
                buffer_size=_TAMPON_OCTETS,
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
            )


def _verifier_nature(flux: BinaryIO) -> int:
    """Give the size of the file, in bytes."""
    debut = flux.read(_TAMPON_OCTETS)
    taille = flux.seek(0, 2)
    flux.seek(max(0, taille - 4))
    fin = flux.read()
    flux.seek(0)
    if not taille:
        raise LectureImpossible("FICHIER_VIDE", "le fichier est vide")
    if debut.startswith(b"PARE") or fin == b"PARE":
        raise _illisible("le fichier Parquet est chiffré : déposez-le en clair")
    if debut.startswith(b"PAR1"):
        if fin != b"PAR1":
            raise _illisible("le fichier Parquet est tronqué : déposez-le de nouveau")
        return taille
    nature = reconnaitre(debut) or ("fichier texte (CSV)" if est_du_texte(debut) else None)
    if nature is None:
        raise _illisible("ce n'est pas un fichier Parquet")
    raise LectureImpossible("CONTENU_INATTENDU", f"{nature} renommé en .parquet : rendez-lui son extension")


def _verifier_taille(metadonnees: pq.FileMetaData, taille: int) -> None:
    if metadonnees.num_columns == 0:
        raise LectureImpossible("FICHIER_VIDE", "le fichier n'a aucune colonne")
    if metadonnees.num_columns > COLONNES_MAX:
        raise _illisible(f"{metadonnees.num_columns} colonnes : {COLONNES_MAX} au plus sont lues")
    if metadonnees.num_rows > LIGNES_MAX:
        raise LectureImpossible("ARCHIVE_DEMESUREE", f"{metadonnees.num_rows} lignes, {LIGNES_MAX} au plus")
    deplies = sum(groupe.total_byte_size for groupe in _groupes(metadonnees))
    if deplies > RATIO_JUGE_DES_OCTETS and deplies > RATIO_MAX * taille:
        raise LectureImpossible("ARCHIVE_DEMESUREE", f"{deplies} octets une fois décompressé pour {taille} reçus")


def _groupes(metadonnees: pq.FileMetaData) -> Iterator[pq.RowGroupMetaData]:
    return (metadonnees.row_group(rang) for rang in range(metadonnees.num_row_groups))


def _lignes_par_lot(metadonnees: pq.FileMetaData) -> int:
    """Rows of the widest row group that make a lot of bounded size."""
    octets_par_ligne = max(
        (groupe.total_byte_size / max(1, groupe.num_rows) for groupe in _groupes(metadonnees)), default=1
    )
    return int(LOT_MAX_CARACTERES / max(1, octets_par_ligne))


def _colonnes_repetitives(metadonnees: pq.FileMetaData) -> list[str]:
    """Text columns that hold few distinct values: read as dictionaries, a long text stays one until its lot is made.

    Not the others: the dictionary of a column without repetition grows with the file.
    """
    schema = metadonnees.schema.to_arrow_schema()
    textuelles = {nom for nom, type_ in zip(schema.names, schema.types, strict=True) if _est_textuel(type_)}
    octets: Counter[str] = Counter()
    variees: set[str] = set()
    for groupe in _groupes(metadonnees):
        for colonne in (groupe.column(rang) for rang in range(groupe.num_columns)):
            octets[colonne.path_in_schema] += colonne.total_uncompressed_size
            if colonne.total_uncompressed_size >= _OCTETS_D_UN_TEXTE * colonne.num_values:
                variees.add(colonne.path_in_schema)
    return sorted(nom for nom in textuelles if nom not in variees or octets[nom] <= _DICTIONNAIRE_OCTETS)


@contextmanager
def _lisible() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, pl.exceptions.PolarsError) as erreur:
        raise _illisible("le fichier Parquet est tronqué ou abîmé : déposez-le de nouveau") from erreur


def _illisible(detail: str) -> LectureImpossible:
    return LectureImpossible("FICHIER_ILLISIBLE", detail)


# ---- columns as text


def _est_textuel(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _est_compose(type_: pa.DataType) -> bool:
    return bool(pa.types.is_nested(type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_))


def _texte(colonne: Any) -> pl.Series:
    """Text of an Arrow array, value by value."""
    type_ = colonne.type
    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name == "arrow.uuid":
            return _par_valeur(colonne.storage, lambda octets: str(uuid.UUID(bytes=octets)))
        return _texte(colonne.storage)
    if pa.types.is_dictionary(type_):
        return _texte(colonne.dictionary).gather(_serie(colonne.indices.cast(pa.int64())))
    return next(texte for est, texte in _TEXTES if est(type_))(colonne)


def _serie(colonne: Any) -> pl.Series:
    return pl.Series(values=colonne)


def _par_valeur(colonne: Any, texte: Callable[[Any], str]) -> pl.Series:
    return pl.Series([None if v is None else texte(v) for v in colonne.to_pylist()], dtype=pl.String)


def _reels(valeurs: pl.Series) -> pl.Series:
    """Shortest text of each number, without decimals when it is whole, up to 15 digits; null for NaN."""
    valeurs = valeurs.fill_nan(None)
    entiers = (valeurs == valeurs.floor()) & (valeurs.abs() < 1e15)
    textes = valeurs.cast(pl.String).str.replace(r"e([0-9])", "e+${1}")
    return _choisir(entiers, valeurs.cast(pl.Int64, strict=False).cast(pl.String), textes)


def _decimal(valeur: Decimal) -> str:
    texte = format(valeur, "f")
    return texte.rstrip("0").rstrip(".") if "." in texte else texte


def _jours(jours: pl.Series) -> pl.Series:
    """ISO days; the bare number of those outside the years 1 to 9999, which no calendar shows."""
    connus = jours.is_between(_PREMIER_JOUR, _DERNIER_JOUR)
    return _choisir(connus, jours.set(~connus, None).cast(pl.String), jours.to_physical().cast(pl.String))


def _moments(moments: pl.Series, unite: str, *, avec_zone: bool) -> pl.Series:
    """ISO moments to the millisecond, with the offset of their time zone; out of the calendar as in `_jours`."""
    if unite == "ns":
        moments = moments.dt.cast_time_unit("us")
    par_seconde = 1_000 if unite in ("s", "ms") else 1_000_000
    bruts = moments.to_physical()
    connus = bruts.is_between(_DEBUT_S * par_seconde, (_FIN_S + 86_400) * par_seconde, closed="left")
    moments = moments.set(~connus, None)
    decalage = "%:z" if avec_zone else ""
    textes = _choisir(
        moments.dt.millisecond() != 0,
        moments.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.3f{decalage}"),
        moments.dt.to_string(f"%Y-%m-%dT%H:%M:%S{decalage}"),
    )
    return _choisir(connus, textes, bruts.cast(pl.String))


def _duree(secondes: int) -> str:
    signe, secondes = ("-", -secondes) if secondes < 0 else ("", secondes)
    return f"{signe}{secondes // 3600:02}:{secondes // 60 % 60:02}:{secondes % 60:02}"


def _choisir(condition: pl.Series, oui: pl.Series, non: pl.Series) -> pl.Series:
    return oui.zip_with(condition.fill_null(False), non)


# By type, tried in order: how an Arrow array of plain values becomes text.
_TEXTES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], pl.Series]], ...] = (
    (_est_textuel, _serie),
    (pa.types.is_null, lambda nuls: pl.repeat(None, len(nuls), dtype=pl.String, eager=True)),
    (
        pa.types.is_boolean,
        lambda booleens: _serie(booleens).replace_strict([True, False], ["VRAI", "FAUX"], return_dtype=pl.String),
    ),
    (pa.types.is_integer, lambda entiers: _serie(entiers).cast(pl.String)),
    (pa.types.is_float16, lambda reels: _reels(_serie(reels.cast(pa.float32())))),
    (pa.types.is_floating, lambda reels: _reels(_serie(reels))),
    (pa.types.is_decimal, lambda decimaux: _par_valeur(decimaux, _decimal)),
    (pa.types.is_date, lambda jours: _jours(_serie(jours.cast(pa.date32())))),
    (pa.types.is_timestamp, lambda m: _moments(_serie(m), m.type.unit, avec_zone=bool(m.type.tz))),
    (pa.types.is_time, lambda h: _par_valeur(h.cast(pa.time64("us"), safe=False), "{:%H:%M:%S}".format)),
    (
        pa.types.is_duration,
        lambda durees: _par_valeur(durees.cast(pa.duration("s"), safe=False).cast(pa.int64()), _duree),
    ),
    (
        lambda _: True,
        lambda autres: _par_valeur(autres, lambda v: v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)),
    ),
)
