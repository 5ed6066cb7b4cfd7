// MQTTBroker
