-- §6.5 Sources: what is present for each ESSMS, its latest extraction date, and what could flatter a rate.
-- "dossiers, sejours: when §6.2 leaves it a row; all other tables: when its porteur has a usable deposit of that table with
--  at least one accepted row, whoever it is about. maj is present when mises_a_jour is, or when a usable deposit of
--  dossiers has a date_derniere_maj in an accepted row of that ESSMS."
-- "Latest extraction date: dossiers, sejours, projets: the reference extraction where there is one; maj: the later of
--  mises_a_jour and of the usable deposits of dossiers that give it; others: of the porteur's usable deposits with an accepted
--  row of that ESSMS, else with any." projets without a reference extraction (partial deposits only) is as the others.
-- Reasons 3: sans_reference and tardive (b), lignes_rejetees (c; of maj, what taux_plancher counts), sejours_inconnus (d),
-- refusee (e).
WITH depots_avec_lignes AS (
    SELECT
        depot,
        SUM(lignes_utilisees) AS lignes_utilisees
    FROM bilans
    GROUP BY depot
),

du_porteur AS (
    SELECT
        f.finess_et,
        d.nom_table,
        COALESCE(MAX(x.date_extraction), MAX(d.date_extraction)) AS derniere_extraction
    FROM fenetres AS f
    INNER JOIN depots AS d ON d.porteur = f.porteur
    INNER JOIN depots_avec_lignes AS l ON l.depot = d.depot
    LEFT JOIN extractions AS x ON x.depot = d.depot AND x.finess_et = f.finess_et
    WHERE d.accepte AND d.date_extraction >= f.debut_fenetre AND l.lignes_utilisees > 0
    GROUP BY f.finess_et, d.nom_table
),

maj_des_dossiers AS (
    SELECT
        s.finess_et,
        MAX(s.date_extraction) AS derniere_extraction
    FROM depose_dernieres_maj AS s
    INNER JOIN fenetres AS f ON f.finess_et = s.finess_et
    WHERE s.date_derniere_maj IS NOT NULL AND s.date_extraction >= f.debut_fenetre
    GROUP BY s.finess_et
),

maj AS (
    SELECT
        finess_et,
        MAX(derniere_extraction) AS derniere_extraction
    FROM (
        SELECT finess_et, derniere_extraction FROM du_porteur WHERE nom_table = 'mises_a_jour'
        UNION ALL
        SELECT finess_et, derniere_extraction FROM maj_des_dossiers
    ) AS m
    GROUP BY finess_et
),

etats AS (
    SELECT DISTINCT finess_et, 'dossiers' AS nom_table FROM dossiers_courants
    UNION ALL
    SELECT DISTINCT finess_et, 'sejours' AS nom_table FROM sejours_courants
),

noms AS (
    SELECT DISTINCT nom_table FROM besoins
)

SELECT
    f.finess_et,
    n.nom_table,
    CASE
        WHEN n.nom_table IN ('dossiers', 'sejours') THEN e.finess_et IS NOT NULL
        WHEN n.nom_table = 'maj' THEN m.finess_et IS NOT NULL
        ELSE p.finess_et IS NOT NULL
    END AS presente,
    CASE
        WHEN n.nom_table IN ('dossiers', 'sejours') THEN b.date_reference
        WHEN n.nom_table = 'maj' THEN m.derniere_extraction
        ELSE COALESCE(b.date_reference, p.derniere_extraction)
    END AS derniere_extraction,
    n.nom_table IN ('dossiers', 'sejours') AND b.date_reference IS NULL AS sans_reference,
    CASE WHEN n.nom_table = 'maj' THEN COALESCE(j.nombre, 0) ELSE COALESCE(r.nombre, 0) END AS lignes_rejetees,
    n.nom_table IN ('dossiers', 'sejours') AND COALESCE(b.date_reference > f.limite_reference, FALSE) AS tardive,
    x.finess_et IS NOT NULL AS refusee,
    CASE WHEN n.nom_table = 'dossiers' THEN COALESCE(i.nombre, 0) ELSE 0 END AS sejours_inconnus
FROM fenetres AS f
CROSS JOIN noms AS n
LEFT JOIN etats AS e ON e.finess_et = f.finess_et AND e.nom_table = n.nom_table
LEFT JOIN bornes_etat AS b ON b.finess_et = f.finess_et AND b.nom_table = n.nom_table
LEFT JOIN maj AS m ON m.finess_et = f.finess_et
LEFT JOIN du_porteur AS p ON p.finess_et = f.finess_et AND p.nom_table = n.nom_table
LEFT JOIN rejets AS r ON r.finess_et = f.finess_et AND r.nom_table = n.nom_table
LEFT JOIN rejets_maj AS j ON j.finess_et = f.finess_et
LEFT JOIN refus AS x ON x.finess_et = f.finess_et AND x.nom_table = n.nom_table
LEFT JOIN sejours_inconnus AS i ON i.finess_et = f.finess_et
