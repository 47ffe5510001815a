-- §6.5 Sources: the tables that the numerator and the denominator of each indicator need. `maj` is mises_a_jour or the
-- date_derniere_maj of dossiers.
SELECT
    indicateur,
    partie,
    nom_table
FROM (
    VALUES
    ('dossiers_actifs', 'numerateur', 'dossiers'),
    ('dossiers_actifs', 'numerateur', 'sejours'),
    ('dossiers_actifs', 'numerateur', 'maj'),
    ('dossiers_actifs', 'denominateur', 'dossiers'),
    ('dossiers_actifs', 'denominateur', 'sejours'),
    ('projet_personnalise', 'numerateur', 'dossiers'),
    ('projet_personnalise', 'numerateur', 'sejours'),
    ('projet_personnalise', 'numerateur', 'maj'),
    ('projet_personnalise', 'numerateur', 'projets'),
    ('projet_personnalise', 'denominateur', 'dossiers'),
    ('projet_personnalise', 'denominateur', 'sejours'),
    ('projet_personnalise', 'denominateur', 'maj'),
    ('agenda', 'numerateur', 'dossiers'),
    ('agenda', 'numerateur', 'sejours'),
    ('agenda', 'numerateur', 'maj'),
    ('agenda', 'numerateur', 'agenda'),
    ('agenda', 'denominateur', 'dossiers'),
    ('agenda', 'denominateur', 'sejours'),
    ('agenda', 'denominateur', 'maj'),
    ('mss', 'numerateur', 'mss'),
    ('mss', 'denominateur', 'dossiers'),
    ('mss', 'denominateur', 'sejours'),
    ('dmp', 'numerateur', 'dmp'),
    ('dmp', 'numerateur', 'dossiers'),
    ('dmp', 'numerateur', 'sejours'),
    ('dmp', 'denominateur', 'dossiers'),
    ('dmp', 'denominateur', 'sejours'),
    ('eprescription', 'numerateur', 'eprescription'),
    ('eparcours', 'numerateur', 'eparcours')
) AS b (indicateur, partie, nom_table)  -- noqa: AL05
