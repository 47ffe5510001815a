-- The deposits that can matter for this measure date. §5: "a fact dated more than one day after [the extraction]" is
-- rejected, so a fact of the window lies in a deposit extracted on its eve at the earliest, and §6.2 asks the same of a
-- state ("extracted on or after debut_fenetre"). An agenda event may be planned up to two years ahead (§5).
WITH bornes AS (
    SELECT MIN(debut_fenetre) AS debut FROM fenetres
)

SELECT
    d.depot,
    d.nom_table,
    d.date_extraction,
    d.accepte,
    d.fichier,
    d.fichier_faits
FROM depots AS d
CROSS JOIN bornes AS b
WHERE
    d.date_extraction >= CASE
        WHEN d.nom_table = 'agenda' THEN mois_avant(b.debut, 24) ELSE jours_apres(b.debut, -1)
    END
