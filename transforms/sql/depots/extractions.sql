-- §6.2 "A deposit is usable for a measure when it is accepted and was extracted on or after debut_fenetre."
-- One row per ESSMS and usable deposit of its porteur with an accepted row of that ESSMS.
SELECT
    f.finess_et,
    d.nom_table,
    d.depot,
    d.date_extraction,
    d.partiel,
    d.ordre
FROM fenetres AS f
INNER JOIN depots AS d ON d.porteur = f.porteur
INNER JOIN bilans AS b ON b.depot = d.depot AND b.finess_et = f.finess_et
WHERE d.accepte AND d.date_extraction >= f.debut_fenetre AND b.lignes_utilisees > 0
