"""The setup: environment, plug-in and service, installed and removed. Standard library only.

install.sh runs it from a checkout, by any new enough Python, before there is an environment;
`impasto setup` runs it in the environment that the wheel was installed in.
"""
