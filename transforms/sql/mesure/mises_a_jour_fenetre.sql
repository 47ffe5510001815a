-- §6.2 Updates whose day is in the window: "union over all accepted deposits whatever their date […]. date_derniere_maj
-- of every accepted row of dossiers, superseded ones included, is also a mise à jour of that dossier."
SELECT
    m.finess_et,
    m.id_dossier,
    m.horodatage,
    'mises_a_jour' AS nom_table
FROM depose_mises_a_jour AS m
INNER JOIN fenetres AS f ON f.finess_et = m.finess_et
WHERE CAST(m.horodatage AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
UNION ALL
SELECT
    d.finess_et,
    d.id_dossier,
    d.date_derniere_maj,
    'dossiers' AS nom_table
FROM depose_dernieres_maj AS d
INNER JOIN fenetres AS f ON f.finess_et = d.finess_et
WHERE CAST(d.date_derniere_maj AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
