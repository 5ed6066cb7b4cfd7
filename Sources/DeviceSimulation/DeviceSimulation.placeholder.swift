// DeviceSimulation
