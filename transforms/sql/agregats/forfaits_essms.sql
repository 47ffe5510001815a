-- §6.6 "The rule set of each ESSMS gives the forfaits: usage and equipment per ESSMS, by type, with their thresholds […],
-- each ESSMS scaled by its part_medico_sociale (null: whole; where the ESSMS of a project differ, the first 49 are those
-- that gain most, usage and equipment each on their own)." Cents are rounded once, on the sum of the project.
WITH parts AS (
    SELECT
        e.date_mesure,
        e.projet,
        e.finess_et,
        f.nature,
        f.rang_max,
        f.montant_plein * CAST(COALESCE(e.part_medico_sociale, 1) AS DECIMAL(7, 6)) AS plein,
        f.montant_reduit * CAST(COALESCE(e.part_medico_sociale, 1) AS DECIMAL(7, 6)) AS reduit
    FROM essms AS e
    INNER JOIN forfaits AS f
        ON
            f.regles = e.regles
            AND f.type = e.type
            AND (f.dui_reference IS NULL OR f.dui_reference = COALESCE(e.dui_reference, TRUE))
),

rangs AS (
    SELECT
        date_mesure,
        projet,
        finess_et,
        nature,
        rang_max,
        plein,
        reduit,
        ROW_NUMBER() OVER (PARTITION BY date_mesure, projet, nature ORDER BY plein - reduit DESC, finess_et) AS rang
    FROM parts
)

SELECT
    date_mesure,
    projet,
    finess_et,
    nature,
    CASE WHEN rang <= rang_max THEN plein ELSE reduit END AS montant
FROM rangs
