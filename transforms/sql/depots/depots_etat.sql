-- §6.2 The deposits that make the state of an ESSMS, in the order they apply.
-- "Its rows are those of all complete deposits of that date: they complete each other. Then the usable partial deposits
--  extracted from the reference extraction on, up to a bound, in order of date and name."
-- rang_cle orders the rows of one key (the later wins); etape is 0 for the complete deposits together, then one step per
-- partial deposit (its rows replace those of every dossier it has a row of).
WITH retenus AS (
    SELECT
        x.finess_et,
        x.nom_table,
        x.depot,
        x.partiel,
        ROW_NUMBER() OVER (PARTITION BY x.finess_et, x.nom_table ORDER BY x.partiel, x.ordre) AS rang_cle
    FROM extractions AS x
    INNER JOIN bornes_etat AS b ON b.finess_et = x.finess_et AND b.nom_table = x.nom_table
    WHERE
        (NOT x.partiel AND x.date_extraction = b.date_reference)
        OR (x.partiel AND x.date_extraction BETWEEN b.borne_debut AND b.borne_fin)
)

SELECT
    finess_et,
    nom_table,
    depot,
    rang_cle,
    CASE WHEN partiel THEN rang_cle ELSE 0 END AS etape
FROM retenus
