-- §7 alertes about an ESSMS. nombre: rows, persons or points the alert speaks of.
WITH alertes_essms AS (
    -- §6.5 "mss and dmp may pass 100 %, dossiers_actifs too when a person has two dossiers; that raises an alert"
    SELECT
        finess_et, 'TAUX_SUP_100' AS code, indicateur, CAST(NULL AS VARCHAR) AS nom_table,
        CAST(NULL AS BIGINT) AS nombre
    FROM indicateurs
    WHERE taux > 100
    UNION ALL
    -- "several current dossiers of one person"
    SELECT finess_et, 'DOUBLON_PERSONNE', NULL, NULL, COUNT(*)
    FROM (SELECT finess_et, personne FROM personnes GROUP BY finess_et, personne HAVING COUNT(*) > 1) AS d
    GROUP BY finess_et
    UNION ALL
    -- §6.4 "null counts as eligible and raises an alert": persons of the file active
    SELECT p.finess_et, 'ELIGIBILITE_ABSENTE', NULL, NULL, COUNT(DISTINCT p.personne)
    FROM personnes AS p
    INNER JOIN file_active AS a ON a.finess_et = p.finess_et AND a.personne = p.personne
    WHERE p.eligible_projet IS NULL
    GROUP BY p.finess_et
    UNION ALL
    -- the optional sources of §4.3 may be absent
    SELECT finess_et, 'SOURCE_ABSENTE', indicateur, NULL, NULL
    FROM indicateurs
    WHERE statut = 'source_absente' AND cible IS NOT NULL
    UNION ALL
    SELECT finess_et, 'SOURCE_PARTIELLE', indicateur, NULL, NULL
    FROM indicateurs
    WHERE statut = 'source_partielle' AND cible IS NOT NULL
    UNION ALL
    SELECT finess_et, 'DOSSIER_INCONNU', NULL, nom_table, nombre
    FROM dossiers_inconnus
    UNION ALL
    -- §6.3 several distinct valid ins for one id_personne, an ins or an id_personne that identifies nobody
    SELECT finess_et, 'IDENTITE_INCOHERENTE', NULL, NULL, COUNT(DISTINCT id_personne)
    FROM personnes
    WHERE incoherente
    GROUP BY finess_et
    UNION ALL
    -- §6.5 "the number of dossiers actifs that only have such ones"
    SELECT a.finess_et, 'PROJET_ECHU', NULL, NULL, COUNT(*)
    FROM dossiers_actifs AS a
    INNER JOIN projets_en_vigueur AS p ON p.finess_et = a.finess_et AND p.id_dossier = a.id_dossier
    WHERE p.echu
    GROUP BY a.finess_et
    UNION ALL
    -- §6.5 "Persons so fed who are not in the personnes éligibles are counted apart"
    SELECT finess_et, 'DMP_HORS_POPULATION', NULL, NULL, nb_dmp_hors_population
    FROM maturin_sms
    WHERE nb_dmp_hors_population > 0
    UNION ALL
    -- §6.1 "when D is later, no version holds a measure of those two days, and the date is not before the first publication"
    SELECT e.finess_et, 'PREMIERE_MESURE_MANQUEE', NULL, NULL, NULL
    FROM essms AS e
    CROSS JOIN mesure AS m
    WHERE
        m.date_mesure > jours_apres(e.date_premiere_mesure, 1)
        AND e.date_premiere_mesure >= m.premiere_publication
        AND NOT EXISTS (
            SELECT 1 FROM autres_mesures AS a
            WHERE a.date_mesure BETWEEN e.date_premiere_mesure AND jours_apres(e.date_premiere_mesure, 1)
        )
    UNION ALL
    -- §6.1 "when the window is of whole months and D is the last day of a month": every window is (`regles`)
    SELECT finess_et, 'FIN_DE_MOIS', NULL, NULL, NULL
    FROM fenetres
    WHERE DAY(jours_apres(date_mesure, 1)) = 1
    UNION ALL
    SELECT finess_et, 'REJETS', NULL, nom_table, nombre
    FROM rejets
    UNION ALL
    -- "reference extraction more than 45 days after D"
    SELECT f.finess_et, 'SOURCE_TARDIVE', NULL, r.nom_table, NULL
    FROM extractions_reference AS r
    INNER JOIN fenetres AS f ON f.finess_et = r.finess_et
    WHERE r.date_reference > f.limite_reference
    UNION ALL
    SELECT finess_et, 'FINESS_INCONNU', NULL, NULL, NULL
    FROM essms
    WHERE connu_finess = FALSE
    UNION ALL
    SELECT finess_et, 'FINESS_FERME', NULL, NULL, NULL
    FROM essms
    WHERE ouvert = FALSE
    UNION ALL
    -- "more than 30 points since the previous measure date"
    SELECT i.finess_et, 'CHUTE', i.indicateur, NULL, CAST(ROUND(p.taux - i.taux) AS BIGINT)
    FROM indicateurs AS i
    INNER JOIN precedents AS p ON p.finess_et = i.finess_et AND p.indicateur = i.indicateur
    WHERE p.taux - i.taux > 30
    UNION ALL
    -- "file active more than 30 % under that of the previous measure date": how many persons fewer
    SELECT i.finess_et, 'POPULATION_CHUTE', NULL, NULL, p.denominateur - i.denominateur
    FROM indicateurs AS i
    INNER JOIN precedents AS p ON p.finess_et = i.finess_et AND p.indicateur = i.indicateur
    WHERE i.indicateur = 'dossiers_actifs' AND 100 * i.denominateur < 70 * p.denominateur
    UNION ALL
    -- §6.6 vérification d'aptitude: "the three DUI rates supplied and not zero […]. VALEUR_NULLE speaks of it for
    -- montee_de_version only, and also where a rate cannot be supplied"
    SELECT i.finess_et, 'VALEUR_NULLE', i.indicateur, NULL, NULL
    FROM indicateurs AS i
    INNER JOIN essms AS e ON e.finess_et = i.finess_et
    WHERE
        e.type = 'montee_de_version'
        AND i.indicateur IN ('dossiers_actifs', 'projet_personnalise', 'agenda')
        AND COALESCE(i.taux, 0) = 0
)

SELECT
    a.finess_et,
    f.porteur,
    a.code,
    a.indicateur,
    a.nom_table,
    CAST(a.nombre AS BIGINT) AS nombre
FROM alertes_essms AS a
INNER JOIN fenetres AS f ON f.finess_et = a.finess_et
