-- §6.4 file active annuelle: "the same from 1 January of the year of fin_fenetre, if earlier, instead of debut_fenetre."
SELECT DISTINCT
    p.finess_et,
    p.personne
FROM sejours_courants AS s
INNER JOIN personnes AS p ON p.finess_et = s.finess_et AND p.id_dossier = s.id_dossier
INNER JOIN fenetres AS f ON f.finess_et = s.finess_et
WHERE s.date_entree <= f.fin_fenetre AND (s.date_sortie IS NULL OR s.date_sortie >= f.debut_annuel)
