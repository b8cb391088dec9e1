"""Pictures that people look through: sent from the page, labelled there, and taken as labelled data."""
