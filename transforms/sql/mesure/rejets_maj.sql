-- §6.5 taux_plancher: "the rejected rows of mises_a_jour that name the ESSMS and lie in usable deposits."
SELECT
    f.finess_et,
    SUM(r.lignes_rejetees) AS nombre
FROM fenetres AS f
INNER JOIN depots AS d ON d.porteur = f.porteur
INNER JOIN rejets_nommes AS r ON r.depot = d.depot AND r.finess_et = f.finess_et
WHERE d.nom_table = 'mises_a_jour' AND d.accepte AND d.date_extraction >= f.debut_fenetre
GROUP BY f.finess_et
