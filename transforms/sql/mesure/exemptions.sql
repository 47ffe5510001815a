-- §6.5 Who is exempted from the targets of the socles (MSSanté and DMP): "where exemption_socles is true or the rule set
-- exempts PJM: exemption_pjm = jamais, projet_pjm_seul (every ESSMS of the project valid at D is PJM) or par_essms (this
-- ESSMS is PJM)." exempte is null where the sub-sector that the exemption needs is unknown.
WITH secteurs AS (
    SELECT
        projet,
        SUM(CASE WHEN sous_secteur <> 'PJM' THEN 1 ELSE 0 END) AS autres,
        SUM(CASE WHEN sous_secteur IS NULL THEN 1 ELSE 0 END) AS inconnus
    FROM essms_des_projets
    GROUP BY projet
)

SELECT
    e.finess_et,
    CASE
        WHEN e.exemption_socles THEN TRUE
        WHEN r.exemption_pjm = 'par_essms' THEN e.sous_secteur = 'PJM'
        WHEN r.exemption_pjm = 'jamais' OR s.autres > 0 THEN FALSE
        WHEN s.inconnus = 0 THEN TRUE
    END AS exempte
FROM essms AS e
INNER JOIN regles AS r ON r.regles = e.regles
LEFT JOIN secteurs AS s ON s.projet = e.projet
