-- §6.5 "≥ 1 agenda event, not annule, whose day is in the window." One row per event row that counts.
SELECT
    a.finess_et,
    a.id_dossier
FROM agenda_courant AS a
INNER JOIN fenetres AS f ON f.finess_et = a.finess_et
WHERE a.statut <> 'annule' AND a.jour BETWEEN f.debut_fenetre AND f.fin_fenetre
