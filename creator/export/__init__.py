"""A build as a project of another tool: Vivado, Quartus, FuseSoC."""

from creator.export.project import TOOLS, Project, export_project

__all__ = ["TOOLS", "Project", "export_project"]
