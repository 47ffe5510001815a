-- §6.2 The deposits that make the state of an ESSMS, in the order they apply.
-- "Its rows are those of all complete deposits of that date: they complete each other. Then the usable partial deposits
--  extracted from the reference extraction on, up to a bound. Date by date: for every dossier of which the partial deposits
--  of that date have an accepted row, their rows together replace those of that dossier."
-- rang_cle orders the rows of one key (the later wins); etape: the complete deposits together, then each date of partial ones.
SELECT
    x.finess_et,
    x.nom_table,
    x.depot,
    ROW_NUMBER() OVER (PARTITION BY x.finess_et, x.nom_table ORDER BY x.partiel, x.ordre) AS rang_cle,
    DENSE_RANK() OVER (PARTITION BY x.finess_et, x.nom_table ORDER BY x.partiel, x.date_extraction) AS etape
FROM extractions AS x
INNER JOIN bornes_etat AS b ON b.finess_et = x.finess_et AND b.nom_table = x.nom_table
WHERE
    (NOT x.partiel AND x.date_extraction = b.date_reference)
    OR (x.partiel AND x.date_extraction BETWEEN b.borne_debut AND b.borne_fin)
