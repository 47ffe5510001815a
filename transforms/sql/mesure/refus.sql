-- §6.5 3(e) "it is dossiers or sejours and a standing or pending deposit of it of those dates is refused for another reason
-- than its rows or having none." Nobody knows whom such a file speaks of: every ESSMS of its porteur. Of the refused, `depots`
-- holds those only. A date to come is no refusal (§5: "the file waits").
SELECT DISTINCT
    f.finess_et,
    d.nom_table
FROM fenetres AS f
INNER JOIN depots AS d ON d.porteur = f.porteur
INNER JOIN bornes_etat AS b ON b.finess_et = f.finess_et AND b.nom_table = d.nom_table
WHERE
    d.nom_table IN ('dossiers', 'sejours')
    AND NOT d.accepte
    AND d.motif NOT IN ('TROP_DE_REJETS', 'AUCUNE_LIGNE', 'FICHIER_VIDE', 'EXTRACTION_FUTURE')
    AND d.date_extraction BETWEEN b.borne_debut AND b.borne_fin
