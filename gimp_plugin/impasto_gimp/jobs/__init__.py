"""Jobs from the plug-in's side; it knows neither GIMP nor GTK."""
