-- §6.5 3(c) "it is dossiers or sejours and a standing or pending deposit of it, complete or partial, refused ones included,
-- extracted from the reference extraction on up to the bound of §6.2, has rejected rows naming that ESSMS."
SELECT
    f.finess_et,
    d.nom_table,
    SUM(r.lignes_rejetees) AS nombre
FROM fenetres AS f
INNER JOIN depots AS d ON d.porteur = f.porteur
INNER JOIN bornes_etat AS b ON b.finess_et = f.finess_et AND b.nom_table = d.nom_table
INNER JOIN rejets_nommes AS r ON r.depot = d.depot AND r.finess_et = f.finess_et
WHERE d.nom_table IN ('dossiers', 'sejours') AND d.date_extraction BETWEEN b.borne_debut AND b.borne_fin
GROUP BY f.finess_et, d.nom_table
