-- §4.1 agenda: "the rows of the latest extraction that contains (finess_et, id_dossier, id_evenement) replace the earlier
-- ones." One row per event row that stands, whatever its day and status.
WITH lignes AS (
    SELECT
        finess_et,
        id_dossier,
        debut,
        statut,
        date_extraction,
        ordre,
        MAX(ordre) OVER (PARTITION BY finess_et, id_dossier, id_evenement) AS dernier_ordre
    FROM depose_agenda
)

SELECT
    finess_et,
    id_dossier,
    CAST(debut AS DATE) AS jour,
    statut,
    date_extraction
FROM lignes
WHERE ordre = dernier_ordre
