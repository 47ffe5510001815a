-- What is left to do, dossier by dossier (retours/<porteur>/a_completer_<finess>.csv): for an indicator below its target, the
-- dossiers that are not in its numerator although they could be, with the reason. §6.4 dossier actif, §6.5 projet en vigueur,
-- agenda. jour: the day the reason speaks of (latest known update, end or start of the projet, latest event), or null; facts
-- are looked for in the deposits extracted from the start of the window on. depot: where the dossier itself comes from.
WITH manques AS (
    SELECT
        finess_et,
        indicateur
    FROM indicateurs
    WHERE reste_a_faire > 0 AND indicateur IN ('dossiers_actifs', 'projet_personnalise', 'agenda')
),

inactifs AS (
    SELECT
        p.finess_et,
        p.id_dossier
    FROM personnes AS p
    INNER JOIN manques AS m ON m.finess_et = p.finess_et AND m.indicateur = 'dossiers_actifs'
    INNER JOIN file_active AS a ON a.finess_et = p.finess_et AND a.personne = p.personne
    WHERE NOT EXISTS (
        SELECT 1 FROM dossiers_actifs AS d WHERE d.finess_et = p.finess_et AND d.id_dossier = p.id_dossier
    )
),

sans_projet AS (
    SELECT
        d.finess_et,
        d.id_dossier
    FROM dossiers_actifs AS d
    INNER JOIN manques AS m ON m.finess_et = d.finess_et AND m.indicateur = 'projet_personnalise'
    WHERE NOT EXISTS (
        SELECT 1 FROM projets_en_vigueur AS p WHERE p.finess_et = d.finess_et AND p.id_dossier = d.id_dossier
    )
),

sans_agenda AS (
    SELECT
        d.finess_et,
        d.id_dossier
    FROM dossiers_actifs AS d
    INNER JOIN manques AS m ON m.finess_et = d.finess_et AND m.indicateur = 'agenda'
    WHERE NOT EXISTS (
        SELECT 1 FROM agenda_fenetre AS g WHERE g.finess_et = d.finess_et AND g.id_dossier = d.id_dossier
    )
),

-- Never inside the window, or the dossier would be active.
maj AS (
    SELECT
        x.finess_et,
        x.id_dossier,
        MAX(CASE WHEN x.jour < x.debut_fenetre THEN x.jour END) AS avant,
        MIN(CASE WHEN x.jour > x.fin_fenetre THEN x.jour END) AS apres
    FROM (
        SELECT i.finess_et, i.id_dossier, CAST(s.horodatage AS DATE) AS jour, f.debut_fenetre, f.fin_fenetre
        FROM inactifs AS i
        INNER JOIN fenetres AS f ON f.finess_et = i.finess_et
        INNER JOIN depose_mises_a_jour AS s ON s.finess_et = i.finess_et AND s.id_dossier = i.id_dossier
        WHERE s.date_extraction >= f.debut_fenetre
        UNION ALL
        SELECT i.finess_et, i.id_dossier, CAST(s.date_derniere_maj AS DATE), f.debut_fenetre, f.fin_fenetre
        FROM inactifs AS i
        INNER JOIN fenetres AS f ON f.finess_et = i.finess_et
        INNER JOIN depose_dernieres_maj AS s ON s.finess_et = i.finess_et AND s.id_dossier = i.id_dossier
        WHERE s.date_extraction >= f.debut_fenetre
    ) AS x
    GROUP BY x.finess_et, x.id_dossier
),

-- The projet that comes nearest to counting: rang says which.
projets_candidats AS (
    SELECT
        s.finess_et,
        s.id_dossier,
        CASE
            WHEN p.statut = 'actif' THEN 1
            WHEN p.statut = 'termine' AND p.date_fin IS NULL THEN 2
            WHEN p.statut = 'termine' THEN 3
            WHEN p.statut = 'suspendu' THEN 4
            ELSE 5
        END AS rang,
        CASE p.statut WHEN 'actif' THEN p.date_debut WHEN 'termine' THEN p.date_fin END AS jour
    FROM sans_projet AS s
    INNER JOIN projets_courants AS p ON p.finess_et = s.finess_et AND p.id_dossier = s.id_dossier
),

meilleurs_projets AS (
    SELECT
        c.finess_et,
        c.id_dossier,
        c.rang,
        MAX(c.jour) AS jour
    FROM projets_candidats AS c
    INNER JOIN (
        SELECT finess_et, id_dossier, MIN(rang) AS rang FROM projets_candidats GROUP BY finess_et, id_dossier
    ) AS r ON r.finess_et = c.finess_et AND r.id_dossier = c.id_dossier AND r.rang = c.rang
    GROUP BY c.finess_et, c.id_dossier, c.rang
),

evenements AS (
    SELECT
        s.finess_et,
        s.id_dossier,
        MAX(CASE WHEN g.statut <> 'annule' THEN g.jour END) AS dernier,
        MAX(CASE WHEN g.jour BETWEEN f.debut_fenetre AND f.fin_fenetre THEN g.jour END) AS dernier_annule
    FROM sans_agenda AS s
    INNER JOIN fenetres AS f ON f.finess_et = s.finess_et
    INNER JOIN agenda_courant AS g ON g.finess_et = s.finess_et AND g.id_dossier = s.id_dossier
    WHERE g.date_extraction >= f.debut_fenetre
    GROUP BY s.finess_et, s.id_dossier
),

restes AS (
    SELECT
        i.finess_et,
        'dossiers_actifs' AS indicateur,
        i.id_dossier,
        CASE
            WHEN m.apres IS NOT NULL THEN 'mis_a_jour_apres'
            WHEN m.avant IS NOT NULL THEN 'mis_a_jour_avant'
            ELSE 'jamais_mis_a_jour'
        END AS motif,
        COALESCE(m.apres, m.avant) AS jour
    FROM inactifs AS i
    LEFT JOIN maj AS m ON m.finess_et = i.finess_et AND m.id_dossier = i.id_dossier
    UNION ALL
    SELECT
        s.finess_et,
        'projet_personnalise',
        s.id_dossier,
        CASE p.rang
            WHEN 1 THEN 'projet_a_venir'
            WHEN 2 THEN 'projet_termine_sans_date'
            WHEN 3 THEN 'projet_termine'
            WHEN 4 THEN 'projet_suspendu'
            WHEN 5 THEN 'projet_annule'
            ELSE 'aucun_projet'
        END,
        p.jour
    FROM sans_projet AS s
    LEFT JOIN meilleurs_projets AS p ON p.finess_et = s.finess_et AND p.id_dossier = s.id_dossier
    UNION ALL
    SELECT
        s.finess_et,
        'agenda',
        s.id_dossier,
        CASE
            WHEN e.dernier_annule IS NOT NULL THEN 'evenements_annules'
            WHEN e.dernier IS NOT NULL THEN 'evenement_hors_fenetre'
            ELSE 'aucun_evenement'
        END,
        COALESCE(e.dernier_annule, e.dernier)
    FROM sans_agenda AS s
    LEFT JOIN evenements AS e ON e.finess_et = s.finess_et AND e.id_dossier = s.id_dossier
)

SELECT
    r.finess_et,
    r.indicateur,
    r.id_dossier,
    r.motif,
    r.jour,
    d.depot
FROM restes AS r
INNER JOIN dossiers_courants AS d ON d.finess_et = r.finess_et AND d.id_dossier = r.id_dossier
