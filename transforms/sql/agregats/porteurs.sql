-- §7 porteurs: "sums of numerators and denominators, rates of the sums, number of ESSMS calculated / at target / to
-- confirm. Only ESSMS of one window are added: one row per (`debut_fenetre`, `fin_fenetre`)."
WITH sommes AS (
    SELECT
        date_mesure,
        porteur,
        MIN(nom_porteur) AS nom_porteur,
        debut_fenetre,
        fin_fenetre,
        indicateur,
        COUNT(*) AS nb_essms,
        SUM(CASE WHEN calcule THEN 1 ELSE 0 END) AS nb_calcules,
        SUM(CASE WHEN partiel THEN 1 ELSE 0 END) AS nb_partiels,
        SUM(numerateur) AS numerateur,
        SUM(denominateur) AS denominateur,
        SUM(personnes) AS nb_personnes,
        CASE WHEN MIN(cible) = MAX(cible) AND COUNT(cible) = COUNT(*) THEN MIN(cible) END AS cible,
        CASE WHEN COUNT(cible) > 0 THEN SUM(CAST(atteint AS INTEGER)) END AS nb_atteints,
        CASE WHEN COUNT(cible) > 0 THEN SUM(CAST(a_confirmer AS INTEGER)) END AS nb_a_confirmer,
        SUM(CASE WHEN opposable THEN 1 ELSE 0 END) AS nb_opposables
    FROM contributions
    GROUP BY date_mesure, porteur, debut_fenetre, fin_fenetre, indicateur
)

SELECT
    date_mesure,
    porteur,
    nom_porteur,
    indicateur,
    CAST(nb_essms AS BIGINT) AS nb_essms,
    CAST(nb_calcules AS BIGINT) AS nb_calcules,
    CAST(nb_partiels AS BIGINT) AS nb_partiels,
    CAST(numerateur AS BIGINT) AS numerateur,
    CAST(denominateur AS BIGINT) AS denominateur,
    100 * CAST(numerateur AS DOUBLE) / NULLIF(CAST(denominateur AS DOUBLE), 0) AS taux,
    cible,
    CAST(nb_atteints AS BIGINT) AS nb_atteints,
    CAST(nb_opposables AS BIGINT) AS nb_opposables,
    debut_fenetre,
    fin_fenetre,
    CAST(nb_personnes AS BIGINT) AS nb_personnes,
    CAST(nb_a_confirmer AS BIGINT) AS nb_a_confirmer
FROM sommes
