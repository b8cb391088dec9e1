"""The likely mistakes, looked for one by one."""
