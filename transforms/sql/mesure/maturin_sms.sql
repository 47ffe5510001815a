-- §7 maturin_sms: one row per ESSMS; the single place where the import format of MaturiN-SMS will be mapped.
-- §6.4 "The counts of persons are null when dossiers or sejours is not present." cibles_atteintes: "An ESSMS is à la
-- cible when every opposable verdict is atteint or sans_objet; à confirmer when the others are all a_confirmer."
WITH populations AS (
    SELECT
        finess_et,
        MIN(CASE WHEN presente THEN 1 ELSE 0 END) = 1 AS connue
    FROM sources
    WHERE nom_table IN ('dossiers', 'sejours')
    GROUP BY finess_et
),

larges AS (
    SELECT
        finess_et,
        MAX(CASE WHEN indicateur = 'dossiers_actifs' THEN numerateur END) AS nb_dossiers_actifs,
        MAX(CASE WHEN indicateur = 'dossiers_actifs' THEN taux END) AS taux_dossiers_actifs,
        MAX(CASE WHEN indicateur = 'projet_personnalise' THEN numerateur END) AS nb_dossiers_projet,
        MAX(CASE WHEN indicateur = 'projet_personnalise' THEN taux END) AS taux_projet_personnalise,
        MAX(CASE WHEN indicateur = 'agenda' THEN numerateur END) AS nb_dossiers_agenda,
        MAX(CASE WHEN indicateur = 'agenda' THEN taux END) AS taux_agenda,
        MAX(CASE WHEN indicateur = 'mss' THEN numerateur END) AS nb_messages_mss,
        MAX(CASE WHEN indicateur = 'mss' THEN taux END) AS taux_mss,
        MAX(CASE WHEN indicateur = 'dmp' THEN numerateur END) AS nb_dmp_alimentes,
        MAX(CASE WHEN indicateur = 'dmp' THEN taux END) AS taux_dmp,
        MAX(CASE WHEN indicateur = 'eprescription' THEN numerateur END) AS nb_eprescriptions,
        MAX(CASE WHEN indicateur = 'eparcours' THEN numerateur END) AS nb_echanges_eparcours,
        SUM(CASE WHEN verdict IN ('atteint', 'sans_objet', 'non_opposable') THEN 0 ELSE 1 END) AS nb_autres,
        SUM(CASE WHEN verdict = 'a_confirmer' THEN 1 ELSE 0 END) AS nb_a_confirmer
    FROM indicateurs
    GROUP BY finess_et
)

SELECT
    f.finess_et,
    e.finess_ej,
    e.raison_sociale,
    e.categorie,
    e.sous_secteur,
    e.departement,
    e.region,
    f.porteur,
    f.debut_fenetre,
    f.fin_fenetre,
    f.regles,
    CASE WHEN p.connue THEN t.file_active END AS file_active,
    CASE WHEN p.connue THEN t.file_active_annuelle END AS file_active_annuelle,
    CASE WHEN p.connue THEN t.personnes_eligibles END AS personnes_eligibles,
    l.nb_dossiers_actifs,
    l.taux_dossiers_actifs,
    l.nb_dossiers_projet,
    l.taux_projet_personnalise,
    l.nb_dossiers_agenda,
    l.taux_agenda,
    l.nb_messages_mss,
    l.taux_mss,
    l.nb_dmp_alimentes,
    l.taux_dmp,
    l.nb_eprescriptions,
    l.nb_echanges_eparcours,
    l.nb_autres = 0 AS cibles_atteintes,
    e.projet,
    l.nb_autres > 0 AND l.nb_autres = l.nb_a_confirmer AS cibles_a_confirmer,
    CASE WHEN l.nb_dmp_alimentes IS NOT NULL THEN t.dmp_hors_population END AS nb_dmp_hors_population
FROM fenetres AS f
INNER JOIN essms AS e ON e.finess_et = f.finess_et
INNER JOIN effectifs AS t ON t.finess_et = f.finess_et
INNER JOIN populations AS p ON p.finess_et = f.finess_et
INNER JOIN larges AS l ON l.finess_et = f.finess_et
