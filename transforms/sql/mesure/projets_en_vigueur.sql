-- §6.5 A projet is en vigueur: "en_preparation always; actif if date_debut is null or ≤ fin_fenetre (a planned end that has
-- passed does not end it); termine if (date_debut null or ≤ fin_fenetre) and date_fin not null and ≥ debut_fenetre. Others
-- never." Dossiers that have one. echu (PROJET_ECHU): they only have some actif whose "date_fin < debut_fenetre".
SELECT
    p.finess_et,
    p.id_dossier,
    MIN(CASE WHEN p.statut = 'actif' AND p.date_fin < f.debut_fenetre THEN 1 ELSE 0 END) = 1 AS echu
FROM projets_courants AS p
INNER JOIN fenetres AS f ON f.finess_et = p.finess_et
WHERE
    p.statut = 'en_preparation'
    OR (
        (p.date_debut IS NULL OR p.date_debut <= f.fin_fenetre)
        AND (p.statut = 'actif' OR (p.statut = 'termine' AND p.date_fin >= f.debut_fenetre))
    )
GROUP BY p.finess_et, p.id_dossier
